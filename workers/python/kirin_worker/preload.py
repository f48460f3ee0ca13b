"""--preload: one process imports the application and forks a worker for each connection to its socket.

The parent has no thread, serves nothing, and keeps the application warm: a worker that comes in place of another
costs a fork. See docs/protocol.md, "Workers that are forked".
"""

import gc
import os
import sys
from _signal import SIG_DFL, SIGCHLD, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1, getsignal, signal
from os import WNOHANG, fork, waitpid       # as they are before gevent replaces them
from select import POLLIN, poll
from time import monotonic

from .brood import DRAINED, UNUSED, Child, Mouth, fate
from .errors import BOOT, WorkerError
from .server import accept, hello
from .signals import Signals
from .wire import HELLO, Connection

LINGER = 1.0        # seconds from the end of the last worker, when a front has said so, to the parent's own
MARGIN = 2.0        # what the workers get beyond the graceful time-out, and when they are told to end at once
CORPSE = 0.01       # between two looks whether a process has ended whose pipe has
FOREVER = 3600.0


class Birth:
    """What a child begins with."""

    def __init__(self, sock, mouth, signals):
        self.sock = sock            # its front
        self.mouth = mouth
        self.signals = signals


class Parent:
    """Forks workers, watches over them, and takes its leave when none is wanted any more."""

    def __init__(self, listener, notifier, signals, options, log):
        self.listener = listener
        self.notifier = notifier
        self.signals = signals
        self.options = options
        self.log = log
        self.children = {}          # by pid
        self.born = 0               # how many there have been
        self.ending = False         # TERM, INT or QUIT: no more children
        self.end_at = float("inf")  # when those that are left are killed, or without any, when we go
        self.next_ping = monotonic()
        self.reopen = None          # opens our own log files anew
        self.rotating = False       # they are to be
        self.poller = poll()

    def run(self, sock):
        """Serves ``sock``, which may be None, and then whoever connects. None at the end; in a child its Birth."""
        self.settle_in()
        while True:
            while sock is not None:
                birth = self.beget(sock)
                if birth is not None:
                    return birth
                sock = None if self.over() or self.ending else accept(self.listener)
            if self.over():
                return None
            sock = self.wait()

    def over(self):
        """Does what is due; whether nothing is left to do. Who has just connected sees our end, and connects again."""
        now = monotonic()
        self.look(now)
        return not self.children and (self.ending or now >= self.end_at)

    def settle_in(self):
        """From now on, signals are for the loop."""
        self.signals.unwinding = False
        self.signals.watch = self
        self.reopen, self.signals.reopen = self.signals.reopen, self.rotate
        if getsignal(SIGCHLD) == SIG_DFL:
            signal(SIGCHLD, _ignore)
        self.poller.register(self.listener.fileno(), POLLIN)
        self.poller.register(self.signals.fileno(), POLLIN)
        self.notifier.send("READY=1")

    def stop(self):
        """SIGTERM; the loop sees it."""

    quit = stop

    def rotate(self):
        """SIGUSR1; the loop opens the log files anew, between two births."""
        self.rotating = True
        self.signals.wake()

    def reopen_all(self):
        """Our own files first: who is born later has those, and who is there already is told."""
        self.rotating = False
        if self.reopen is not None:
            self.reopen()
        self.tell_all(SIGUSR1)

    # Birth

    def beget(self, sock):
        """Forks a worker for ``sock``. Its Birth in the child, None here."""
        near, far = os.pipe()
        self.born += 1
        self.options.hooked.pre_fork(self.born)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()              # or both of us would write what it holds
        if hasattr(gc, "freeze"):       # what is here now stays shared: no collection touches it
            gc.freeze()
        self.signals.hold()             # a child's own handler comes first
        try:
            pid = fork()
        except OSError as error:
            self.signals.release()
            self.refuse(sock, "cannot fork a worker: %s" % error.strerror)
            os.close(near)
            os.close(far)
            return None
        if pid == 0:
            os.close(near)
            return self.be_born(sock, far)
        self.signals.release()
        os.close(far)
        sock.close()
        os.set_blocking(near, False)
        self.options.hooked.forked(pid, self.born)
        self.children[pid] = Child(pid, near, 3 * self.notifier.interval)
        self.poller.register(near, POLLIN)
        return None

    def be_born(self, sock, far):
        """In the child: leaves what is the parent's."""
        for child in self.children.values():
            if child.fd >= 0:
                os.close(child.fd)
        self.listener.close()
        self.signals.close()
        if getsignal(SIGCHLD) == _ignore:
            signal(SIGCHLD, SIG_DFL)
        signals = Signals()
        signals.reopen = self.reopen
        signals.install()
        signals.release()
        self.options.hooked.be_born(self.born)
        return Birth(sock, Mouth(far, self.notifier.interval), signals)

    def refuse(self, sock, text):
        self.log.error(text)
        conn = Connection(sock)
        conn.send(HELLO, dict(hello(self.options, 1), error=text, exit=BOOT))
        conn.close()

    # Life

    def wait(self):
        """Waits for something to do, and does it; gives the connection that was made, if one was."""
        ready = [fd for fd, _ in self.poller.poll(self.pause(monotonic()) * 1000)]
        if self.signals.fileno() in ready:
            self.signals.clear()
        for child in list(self.children.values()):
            if child.fd in ready:
                self.hear(child)
        if self.over() or self.ending or self.listener.fileno() not in ready or self.unwanted():
            return None
        return accept(self.listener)

    def unwanted(self):
        """Whether nobody but those who were sent away unused keeps us: whoever comes now is for our successor."""
        return monotonic() >= self.end_at and all(child.left == UNUSED for child in self.children.values())

    def pause(self, now):
        """How long nothing can be due."""
        due = now + FOREVER
        if self.ending or not self.children:
            due = min(due, self.end_at)
        if self.notifier.interval:
            due = min(due, self.next_ping)
        for child in self.children.values():
            due = min(due, child.due if child.fd >= 0 else now + CORPSE)
        return max(0.0, due - now)

    def look(self, now):
        """Does what is due."""
        if self.rotating:
            self.reopen_all()
        if self.signals.stopping or self.signals.quitting:
            self.end(now)
        for child in list(self.children.values()):
            self.strike(child, child.tick(now))
        self.bury(now)
        if self.ending and now >= self.end_at:
            self.tell_all(SIGKILL)
            self.end_at = now + MARGIN
        if self.notifier.interval and now >= self.next_ping:
            self.next_ping = now + self.notifier.interval
            self.notifier.send("WATCHDOG=1", 0.0)

    def hear(self, child):
        try:
            letters = os.read(child.fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            letters = b""
        if letters:
            self.strike(child, child.hear(letters, monotonic()))
        else:
            self.hush(child)

    def hush(self, child):
        """Closes a child's pipe."""
        if child.fd >= 0:
            self.poller.unregister(child.fd)
            os.close(child.fd)
            child.fd = -1

    def strike(self, child, number):
        """Sends what a child's watch has decided."""
        if number:
            if number != SIGKILL:
                self.log.error("worker (pid %d): time-out: aborting it" % child.pid)
            kill(child.pid, number)

    # Death

    def bury(self, now):
        """Takes leave of the children that have ended."""
        for child in list(self.children.values()):
            try:
                pid, status = waitpid(child.pid, WNOHANG)
            except ChildProcessError:       # somebody else has waited for it
                pid, status = child.pid, 0
            if pid:
                self.part(child, status, now)

    def part(self, child, status, now):
        if child.fd >= 0:
            self.hear(child)            # its last word
        self.hush(child)
        del self.children[child.pid]
        end = fate(status)
        if end and not self.ending:
            self.log.error("worker (pid %d) ended: %s" % (child.pid, end))
        if not self.ending:
            self.be_left(child.left, now)
        self.options.hooked.child_exit(child.pid)

    def be_left(self, how, now):
        """A child has gone. When a front wanted it so and it was the last, we go too, unless another is wanted soon."""
        if how == DRAINED:
            self.end_at = now + LINGER
        elif how == UNUSED:             # it does not count as one that was wanted
            self.end_at = min(self.end_at, now + LINGER)
        else:
            self.end_at = float("inf")

    def end(self, now):
        """Passes a signal to end on, once each."""
        quick = self.signals.quitting
        if not self.ending:
            self.ending = True
            self.poller.unregister(self.listener.fileno())
            self.listener.close()
            self.end_at = now + MARGIN + (0 if quick else self.options.graceful_timeout)
            self.tell_all(SIGQUIT if quick else SIGTERM)
        elif quick and self.end_at > now + MARGIN:
            self.end_at = now + MARGIN
            self.tell_all(SIGQUIT)

    def tell_all(self, number):
        for pid in list(self.children):
            kill(pid, number)


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _ignore(number, frame):
    pass


def check(options):
    """What cannot be had together."""
    if not hasattr(os, "fork"):
        raise WorkerError("preload_app needs fork(), which this Python has not")
