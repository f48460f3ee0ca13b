"""The workers that a parent has forked (preload.py): what each says by its pipe, and when one is ended.

A child writes single letters, in place of what a worker of its own tells the service manager: so systemd's watchdog
(systemd.service(5), WatchdogSec=) is the parent's for each of them.
"""

import os
from _signal import SIGABRT, SIGKILL

READY, ALIVE, TRIGGER, DRAINED, UNUSED = b"r", b"w", b"t", b"d", b"u"
LETTERS = {"READY=1": READY, "WATCHDOG=1": ALIVE, "WATCHDOG=trigger": TRIGGER}
PATIENCE = 5.0      # seconds from SIGABRT to SIGKILL
NEVER = float("inf")


class Mouth:
    """A Notifier (systemd.py) that speaks to the parent."""

    connected = True

    def __init__(self, fd, interval):
        self.fd = fd
        self.interval = interval

    def send(self, message, patience=0.0):
        """Tells one message that the parent knows. A parent that is gone is no reason to stop."""
        return self.say(LETTERS.get(message, b""))

    def leave(self, server):
        """A front has sent the server away: a parent that nobody wants may go, too."""
        self.say(DRAINED if server.begun else UNUSED)

    def say(self, letter):
        try:
            return os.write(self.fd, letter) == 1
        except OSError:
            return False

    def close(self):
        """For a process that the application forks: the parent must see the end of this one."""
        fd, self.fd = self.fd, -1
        if fd >= 0:                 # or else this is a child of a child
            os.close(fd)


class Child:
    """One forked worker. Its methods are events and give the signal to send now, 0 for none."""

    def __init__(self, pid, fd, limit):
        self.pid = pid
        self.fd = fd            # the pipe's end, -1 when that is closed
        self.limit = limit      # how long it may be silent once it is ready, 0 for as long as it likes
        self.due = NEVER
        self.aborted = False
        self.left = b""         # DRAINED or UNUSED: it goes because a front has said so

    def hear(self, letters, now):
        """What came through the pipe."""
        if (READY in letters or ALIVE in letters) and self.limit and not self.aborted:
            self.due = now + self.limit
        for letter in (DRAINED, UNUSED):
            if letter in letters:
                self.left = letter
        return self.abort(now) if TRIGGER in letters else 0

    def abort(self, now):
        """The child is to write its stacks and end."""
        if self.aborted:
            return 0
        self.aborted = True
        self.due = now + PATIENCE
        return SIGABRT

    def tick(self, now):
        """What is due."""
        if now < self.due:
            return 0
        if not self.aborted:
            return self.abort(now)
        self.due = NEVER
        return SIGKILL


def fate(status):
    """How a process has ended, for the log; '' when all is well. ``status`` is waitpid's."""
    if os.WIFSIGNALED(status):
        from signal import Signals
        try:
            return "killed by %s" % Signals(os.WTERMSIG(status)).name
        except ValueError:
            return "killed by signal %d" % os.WTERMSIG(status)
    code = os.WEXITSTATUS(status)
    return "exit status %d" % code if code else ""
