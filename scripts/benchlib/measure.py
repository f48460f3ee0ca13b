"""What a server costs, and how quiet the machine was meanwhile, from /proc.

CPU time is that of whole trees of processes, the children that have ended included; memory is the proportional share
(PSS), so that shared pages count once.
"""

import contextlib
import os
import re
import time

TICK = os.sysconf("SC_CLK_TCK")
KERNEL_THREADS = 2      # kthreadd, the parent of all kernel threads


def read(path):
    with open(path, "rb") as f:
        return f.read()


def processes():
    """Return {pid: (parent, CPU ticks)} of all processes; the ticks include those of reaped children."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                fields = read("/proc/%s/stat" % name).rpartition(b")")[2].split()
                found[int(name)] = int(fields[1]), sum(int(n) for n in fields[11:15])
    return found


def tree(roots, table=None):
    """Return these processes and all their descendants."""
    table = processes() if table is None else table
    found = [pid for pid in roots if pid in table]
    for one in found:
        found += [pid for pid, (parent, _) in table.items() if parent == one]
    return found


def cpu_seconds(roots, front):
    """Return the CPU time that trees of processes have taken so far, and that of some of these processes."""
    table = processes()
    return tuple(sum(table[pid][1] for pid in pids) / TICK for pids in (tree(roots, table), front))


def pss_kib(pid):
    m = re.search(rb"^Pss:\s+(\d+) kB", read("/proc/%d/smaps_rollup" % pid), re.M)
    return int(m.group(1)) if m else 0      # none: it is about to end


def memory(roots, front):
    """Return the MiB of all processes of a server, of its front, and of the largest of the others."""
    sizes = {pid: pss_kib(pid) / 1024 for pid in tree(roots)}
    others = [size for pid, size in sizes.items() if pid not in front]
    return {"memory": sum(sizes.values()), "front": sum(sizes[pid] for pid in front),
            "worker": max(others, default=0)}


@contextlib.contextmanager
def precedence(nice=-15, autogroup="/proc/self/autogroup"):
    """Put this process and those that it starts before all others, where the user may; yield whether.

    Where the kernel groups processes by session, the nice value of the session's group is what counts (sched(7)).
    A file that is missing, or empty (a kernel in user space may have it so), says that it does not.
    """
    group = read(autogroup).split() if os.path.exists(autogroup) else []
    try:
        before = os.nice(0)
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        if group:
            write(autogroup, nice)
    except PermissionError:
        yield False
        return
    try:
        yield True
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)
        if group:
            write(autogroup, group[-1].decode())


def write(path, value):
    """Write a value to a file of the kernel's."""
    with open(path, "w", encoding="ascii") as f:
        f.write(str(value))


class Quiet:
    """Says what part of the machine processes of others took since it was made.

    It adds up the time of every process that is neither kernel thread nor descendant of this one, and what a
    hypervisor has stolen. Processes in other containers are not seen.
    """

    def __init__(self):
        self.start = self.sample()

    @staticmethod
    def sample():
        ticks = strangers(processes(), os.getpid()) + stolen(read("/proc/stat").decode())
        return time.monotonic(), ticks / TICK

    def share(self):
        """Return a number from 0 to 1: 1 is all cores, all the time."""
        (start, before), (end, after) = self.start, self.sample()
        return max(0.0, after - before) / ((end - start) * os.cpu_count())


def strangers(table, me):
    """Return the ticks of all processes that are neither kernel threads nor descend from a process."""
    own = set(tree([me, KERNEL_THREADS], table))
    return sum(ticks for pid, (_, ticks) in table.items() if pid not in own)


def stolen(stat):
    """Return the ticks that a hypervisor gave to others, from the text of /proc/stat (proc(5))."""
    return int(stat.split("\n", 1)[0].split()[8])
