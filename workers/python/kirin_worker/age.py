"""When a worker has become too old or too large, and is to be replaced."""

import os
from time import monotonic

LOOK = 5.0          # seconds between two looks at the memory
SPREAD = 0.1        # workers that were born together grow old apart, by up to this share of the time
OWN = 0.75          # of MemoryHigh=: more than that is not the page cache's
NEVER = float("inf")


def resident():
    """The memory of this process in bytes: its resident set."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Cgroup:
    """This process's control group (cgroups(7)), where it has MemoryHigh= (systemd.resource-control(5))."""

    def __init__(self, path):
        self.path = path
        self.high = self.number("memory.high")      # 0: none, or nothing that could be told
        self.seen = self.crossed()

    def read(self, name):
        try:
            with open(os.path.join(self.path, name)) as file:
                return file.read()
        except OSError:
            return ""

    def number(self, name):
        text = self.read(name).strip()
        return int(text) if text.isdigit() else 0

    def field(self, name, key):
        for line in self.read(name).splitlines():
            if line.startswith(key + " "):
                return int(line.split()[1])
        return 0

    def crossed(self):
        """How often the kernel has slowed the group down for its memory."""
        return self.field("memory.events", "high") if self.high else 0

    def over(self):
        """Whether that has happened since the last look, and by memory of processes: files' pages go by themselves."""
        before, self.seen = self.seen, self.crossed()
        return self.seen > before and self.field("memory.stat", "anon") > self.high * OWN


def own_cgroup():
    """The folder of our control group, of version 2."""
    try:
        with open("/proc/self/cgroup") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("0::"):
            return "/sys/fs/cgroup" + line[3:]
    return ""


class Age:
    """Looks at the clock and the memory when it is time to."""

    def __init__(self, options, cgroup=None):
        self.limit = options.max_memory << 20
        self.cgroup = None
        if options.own_cgroup and not options.preload:     # forked workers share one
            self.cgroup = cgroup or Cgroup(own_cgroup())
            if not self.cgroup.high:
                self.cgroup = None
        self.end = NEVER
        if options.max_lifetime:
            self.end = monotonic() + options.max_lifetime * (1 + SPREAD * os.urandom(1)[0] / 255)
        self.due = self.next(monotonic())

    def next(self, now):
        return min(self.end, now + LOOK) if self.limit or self.cgroup else self.end

    def over(self, now):
        """(setting, why) when it is time to retire, told once; else None."""
        found = None
        if now >= self.end:
            found = ("max_lifetime", "max_lifetime reached")
        elif self.limit:
            size = resident()
            if size > self.limit:
                why = "max_memory (%d MiB) exceeded: %d MiB" % (self.limit >> 20, size >> 20)
                found = ("max_memory", why)
        if found is None and self.cgroup and self.cgroup.over():
            found = ("memory_high", "MemoryHigh= (%d MiB) exceeded" % (self.cgroup.high >> 20))
        self.due = NEVER if found else self.next(now)
        return found
