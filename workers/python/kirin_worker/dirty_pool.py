"""The dirty workers of one version of the application: who has which application, who is free, who has ended."""

import json
import os
import socket
import subprocess
from array import array
from collections import deque
from marshal import dumps, loads
from select import POLLHUP, poll
from signal import SIGABRT, SIGKILL, SIGTERM, Signals
from threading import Thread

from .dirty_client import VARIABLE
from .dirty_errors import DirtyAppNotFoundError, DirtyNoWorkersAvailableError, DirtyTimeoutError, DirtyWorkerError
from .dirty_wire import ERROR, pack
from .errors import BOOT, LoadError

STARTING, READY, LEAVING = range(3)
STACKS = 5.0                    # seconds from SIGABRT, at which the stacks are logged, to SIGKILL
FIRST, MOST = 1.0, 30.0         # pauses before a worker is started again that could not start


class Call:
    """A call that waits, or is under way."""

    def __init__(self, sock, generation, app, action):
        self.sock, self.generation, self.app, self.action = sock, generation, app, action
        self.writing = False    # a part of the answer may have been sent
        self.late = False
        self.timer = None

    def gone(self):
        """Whether the caller has closed the connection."""
        poller = poll()
        poller.register(self.sock, 0)
        return bool([events for _, events in poller.poll(0) if events & POLLHUP])

    def fail(self, error):
        """Answers with an error, unless an answer has begun: the caller sees its end."""
        if not self.writing:
            try:
                self.sock.setblocking(False)
                self.sock.send(pack(ERROR, error.to_dict()))
            except OSError:
                pass
        self.end()

    def end(self):
        if self.timer is not None:
            self.timer.cancel()
        self.sock.close()


class Member:
    """One dirty worker, as the arbiter has it; and what hooks get as ``worker``."""

    def __init__(self, generation, number, age):
        self.generation, self.number, self.age = generation, number, age
        self.pid, self.ppid = "[booting]", os.getpid()
        self.cfg, self.log = generation.arbiter.cfg, generation.arbiter.log
        self.app_paths = []
        self.state = STARTING
        self.booted = self.aborted = False
        self.failure = None         # a LoadError
        self.running = {}           # calls by id
        self.last = 0               # id of the last one
        self.control = self.process = None

    def __str__(self):
        return "<DirtyWorker %s>" % self.pid

    @property
    def alive(self):
        return self.state != LEAVING

    def kill(self, number):
        if self.process.returncode is None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def leave(self):
        """No more calls; it ends when those that it has are over."""
        if self.state == STARTING:
            self.kill(SIGTERM)
        self.state = LEAVING
        try:
            self.control.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Generation:
    """The workers of one version."""

    def __init__(self, arbiter, order, image):
        self.arbiter = arbiter
        self.loop = arbiter.loop
        self.order = order
        self.image = image              # descriptor of the runtime
        self.number = order["generation"]
        self.apps = dict(order["apps"])
        self.wanted = order["workers"]
        self.timeout = order["timeout"]
        self.active = True
        self.members = set()
        self.held = {}                  # by worker's number: the applications that it has had
        self.broken = {}                # by worker's number: pause before the next try
        self.queue = deque()
        self.booted = self.loop.create_future()

    # Workers

    def start(self):
        for number in range(1, self.wanted + 1):
            self.spawn(number)

    def spawn(self, number):
        """Starts a worker."""
        if not self.active or number > self.wanted or any(m.number == number and m.alive for m in self.members):
            return
        member = Member(self, number, self.arbiter.next_age())
        member.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                member.process = subprocess.Popen(
                    self.command(member, theirs.fileno()), env=self.environment(),
                    pass_fds=(self.image, theirs.fileno()), start_new_session=True)
        except OSError as error:
            member.control.close()
            self.not_booted(member, "it cannot be started: %s" % error)
            return
        member.pid = member.process.pid
        member.control.setblocking(False)
        self.members.add(member)
        self.arbiter.workers[member.pid] = member
        self.loop.add_reader(member.control, self.hear, member)
        Thread(target=self.watch, args=(member,), daemon=True).start()
        self.arbiter.hook("dirty_post_fork", self.arbiter, member)

    def command(self, member, control):
        order = self.order
        setup = {"arbiter": os.getpid(), "apps": order["apps"], "number": member.number, "age": member.age,
                 "threads": order["threads"], "timeout": self.timeout, "conf": order["conf"],
                 "hook": "dirty_worker_init" in order["hooks"]}
        return ([order["path"], "-c", order["boot"], str(self.image), "dirty-worker", str(control), json.dumps(setup)]
                + order["args"])

    def environment(self):
        env = dict(pair.split("=", 1) for pair in self.order["env"])
        env[VARIABLE] = "%s:%d" % (self.arbiter.socket_path, self.number)
        return env

    def watch(self, member):
        """In a thread of its own: waits for the process."""
        member.process.wait()
        self.loop.call_soon_threadsafe(self.ended, member)

    def hear(self, member):
        """Takes in what a worker says."""
        while True:
            try:
                data = member.control.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.loop.remove_reader(member.control)
                if member.state == READY:
                    member.state = LEAVING
                return
            self.heed(member, *loads(data))

    def heed(self, member, what, *rest):
        if what == "ready":
            member.app_paths, tables = rest
            self.held[member.number] = set(member.app_paths)
            self.broken.pop(member.number, None)
            for table in tables:
                self.arbiter.tables.ensure(table)
            if member.state == STARTING:
                member.state, member.booted = READY, True
            if not self.booted.done() and sum(m.state == READY for m in self.members) == self.wanted:
                self.booted.set_result(None)
            self.serve_queue()
        elif what == "failed":
            member.failure = LoadError(rest[0], rest[1])
            member.failure.status = rest[2]
        elif what == "writing":
            self.progress(member, member.running[rest[0]])
        else:
            member.running.pop(rest[0]).end()
            self.serve_queue()

    def ended(self, member):
        """A worker's process has ended."""
        self.hear(member)
        self.loop.remove_reader(member.control)
        member.control.close()
        self.members.discard(member)
        self.arbiter.workers.pop(member.pid, None)
        how = fate(member.process.returncode)
        for call in member.running.values():
            call.fail(self.lost(call, member, how))
        expected = member.state == LEAVING and member.process.returncode == 0
        if member.booted and not (expected or member.aborted):
            tell = self.arbiter.log.error if self.active else self.arbiter.log.info
            tell("Dirty worker %d (pid %d) ended: %s", member.number, member.pid, how)
        member.state = LEAVING
        self.arbiter.hook("dirty_worker_exit", self.arbiter, member)
        if member.booted:
            self.spawn(member.number)
        else:
            self.not_booted(member, how)
        self.arbiter.look()

    def not_booted(self, member, how):
        """The first failure ends the start of a version; later ones are tried again."""
        if not self.active:
            return
        failure = member.failure or LoadError("dirty worker %d ended before it was ready: %s" % (member.number, how))
        if member.failure is None:
            failure.status = BOOT
        if not self.booted.done():
            self.booted.set_exception(failure)
            return
        pause = min(2 * self.broken.get(member.number, FIRST / 2), MOST)
        self.broken[member.number] = pause
        self.arbiter.log.error("Dirty worker %d: %s\nthe next try is in %g s", member.number, failure.text().rstrip(),
                               pause)
        self.loop.call_later(pause, self.spawn, member.number)
        self.serve_queue()

    def lost(self, call, member, how):
        """What whoever has called gets to know of a worker's end."""
        if call.late:
            return DirtyTimeoutError("Execution of %s.%s timed out" % (call.app, call.action), self.timeout)
        return DirtyWorkerError("dirty worker %d ended during the call of %s.%s: %s"
                                % (member.number, call.app, call.action, how), member.pid)

    def leave(self, graceful=True):
        """Ends the workers; the calls that wait go to the newest version."""
        if self.active:
            self.active = False
            os.close(self.image)
        if not self.booted.done():
            self.booted.cancel()
        for member in list(self.members):
            member.leave()
            if not graceful:
                member.kill(SIGKILL)
            else:
                self.loop.call_later(self.order["patience"], member.kill, SIGKILL)
        waiting, self.queue = self.queue, deque()
        for call in waiting:
            self.arbiter.admit(call)

    def scale(self, by):
        """One worker more or fewer, for TTIN and TTOU."""
        least = max([1] + [limit for limit in self.apps.values() if limit])
        if self.wanted + by < least:
            self.arbiter.log.warning("SIGTTOU: Cannot decrease below %d workers (required by app specs)", least)
            return
        self.wanted += by
        for member in list(self.members):
            if member.number > self.wanted:
                member.leave()
        self.spawn(self.wanted)

    # Calls

    def admit(self, call):
        """Gives a call to a worker, or has it wait for one."""
        if call.app not in self.apps:
            call.fail(DirtyAppNotFoundError(call.app))
        elif not self.place(call):
            self.queue.append(call)

    def place(self, call):
        """Whether the call has found a worker, or an end."""
        have = [m for m in self.members if m.state == READY and call.app in m.app_paths]
        free = [m for m in have if len(m.running) < max(1, self.order["threads"])]
        for member in sorted(free, key=lambda member: (len(member.running), member.last)):
            if call.gone():
                call.end()
                return True
            if self.give(call, member):
                return True
        if not have and not self.expected(call.app):
            call.fail(DirtyNoWorkersAvailableError(call.app))
            return True
        return False

    def expected(self, app):
        """Whether a worker that has the application may be ready soon."""
        if not self.booted.done():
            return True
        return any(app in self.held.get(number, (app,)) and number not in self.broken
                   for number in range(1, self.wanted + 1))

    def give(self, call, member):
        """Passes a call's connection to a worker; False when that is about to end."""
        ident = self.arbiter.next_call()
        rights = array("i", [call.sock.fileno()])
        try:
            member.control.sendmsg([dumps((ident, call.app, call.action), 2)],
                                   [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        except OSError:
            member.state = LEAVING
            return False
        member.last = ident
        member.running[ident] = call
        self.time(member, call)
        return True

    def serve_queue(self):
        """Places what can be placed of what waits."""
        for _ in range(len(self.queue)):
            call = self.queue.popleft()
            if not self.place(call):
                self.queue.append(call)

    def time(self, member, call):
        if self.timeout:
            call.timer = self.loop.call_later(self.timeout, self.overdue, member, call)

    def progress(self, member, call):
        """A part of an answer has been sent: the time begins anew."""
        call.writing = True
        if call.timer is not None:
            call.timer.cancel()
        self.time(member, call)

    def overdue(self, member, call):
        """Ends a worker whose call has taken too long, which cannot be ended by itself."""
        call.late = member.aborted = True
        member.state = LEAVING
        self.arbiter.log.critical("DIRTY WORKER TIMEOUT (pid:%s): %s.%s", member.pid, call.app, call.action)
        member.kill(SIGABRT)
        self.loop.call_later(STACKS, member.kill, SIGKILL)


def fate(code):
    """How a process has ended, in words."""
    if code >= 0:
        return "exit status %d" % code
    try:
        return "killed by " + Signals(-code).name
    except ValueError:
        return "killed by signal %d" % -code
