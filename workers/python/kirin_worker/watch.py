"""The watching thread: time limits, WATCHDOG=1, the end of a worker that does not end, late responses.

It sleeps until something is due; a request that begins meanwhile cannot be over its time before that. Under
load with requests in batches it also looks every few milliseconds whether finished responses wait for
company behind a request that takes longer than it should, and sends them.
"""

import faulthandler
import os
import sys
from _thread import allocate_lock
from time import monotonic

from . import thread
from .age import Age
from .trace import format_stacks, standing
from .wire import STATUS
from .wsgi import LATE, request_line

TICK = 0.005        # between two looks for late responses
LINGER = 0.1        # how long after the last batch that goes on
QUICK = 1.0         # how long INT and QUIT let the application unwind
FOREVER = 3600.0
GLANCE = 0.05       # between two looks while requests that are in time finish
OBEYED = 10.0       # after WATCHDOG=trigger, until the process ends itself

PYPY = sys.implementation.name == "pypy"    # whose faulthandler knows the main thread only


class Watch:
    """Watches over one server. Times are monotonic seconds."""

    def __init__(self, server, options, log, notifier):
        self.server = server
        self.log = log
        self.notifier = notifier
        self.hooks = server.hooks
        self.timeout = options.timeout
        self.graceful = options.graceful_timeout
        self.alarm = allocate_lock()
        self.alarm.acquire()
        self.next_ping = monotonic()
        self.end_at = 0.0           # when a process that was asked to end is made to, 0 for never
        self.quick = False
        self.age = Age(options)
        self.stuck = {}             # Runner: the clock of its request that is over its time
        self.batched = 0.0          # when the server last ran several requests of a frame
        self.ticking = False

    def start(self):
        thread.start(self._run)

    def wake(self):
        """Makes the thread look now; safe in a signal handler."""
        try:
            self.alarm.release()
        except RuntimeError:
            pass                    # it is awake already

    # What the main thread reports

    def batch(self, now):
        """A batch of requests begins, whose responses may wait for one another."""
        self.batched = now
        if not self.ticking:
            self.ticking = True
            self.wake()

    def stop(self):
        """SIGTERM: the graceful time begins."""
        if not self.end_at:
            self.end_at = monotonic() + self.graceful
        self.wake()

    def quit(self):
        """SIGINT or SIGQUIT."""
        self.end_at = monotonic() + QUICK
        self.quick = True
        self.wake()

    # The thread

    def _run(self):
        while True:
            self.alarm.acquire(True, self.pause(monotonic()))
            self.look(monotonic())

    def pause(self, now):
        """How long nothing can be due."""
        if self.ticking:
            return TICK
        if self.stuck:
            return GLANCE
        due = min(now + FOREVER, self.age.due)
        if self.notifier.interval:
            due = min(due, self.next_ping)
        if self.end_at:
            due = min(due, self.end_at)
        if self.timeout:
            due = min(due, now + self.timeout)
            for clock in [runner.clock for runner in self.server.runners]:
                if clock:
                    due = min(due, clock + self.timeout)
        return max(0.0, due - now)

    def look(self, now):
        """Does what is due at ``now``."""
        if self.ticking:
            self.send_late(now)
        if self.server.signals.stopping:
            self.server.announce_stop("SIGTERM")
        if self.timeout:
            self.find_overtime(now)
        if self.end_at and now >= self.end_at:
            self.end()
        if now >= self.age.due:
            self.look_at_age(now)
        if self.notifier.interval and now >= self.next_ping:
            self.next_ping = now + self.notifier.interval
            self.notifier.send("WATCHDOG=1", 0.0)   # the next will do; waiting would stop the watch

    def look_at_age(self, now):
        """Has a process replaced that has become too old or too large."""
        found = self.age.over(now)
        if found is not None:
            self.server.retire(*found)

    def send_late(self, now):
        """Sends the responses that have waited long enough for company."""
        for conn in list(self.server.connections.values()):
            if conn.out and now - conn.since > LATE:
                conn.flush()
        if now - self.batched > LINGER:
            self.ticking = False

    def find_overtime(self, now):
        """Reports requests that are over their time, and has the process ended for them."""
        stuck = {}
        for runner in self.server.runners:
            clock, conn, ident, environ = runner.clock, runner.conn, runner.ident, runner.environ
            if not clock or now < clock + self.timeout or runner.clock != clock:
                continue
            stuck[runner] = clock
            if self.stuck.get(runner) != clock:
                fields = self.fields(environ, runner.thread)
                self.log.critical("request over its time (%g s): %s" % (self.timeout, request_line(environ)), fields)
                conn.send(STATUS, {"overtime": [ident]})
        self.stuck = stuck
        if stuck:
            self.leave(now)

    def leave(self, now):
        """Lets the requests that are in time finish; then has the process aborted."""
        if self.server.slots > 1:
            self.server.announce_stop("a request is over its time")
            if not self.end_at:
                self.end_at = now + self.graceful
        if len(self.stuck) >= self.server.busy() or now >= self.end_at:
            self.abort()

    def fields(self, request, thread):
        """The journal's fields of a request that takes too long, and of where its thread stands."""
        if self.log.native is None:
            return {}
        from .journal import request_fields
        return dict(request_fields(request), **standing(sys._current_frames().get(thread)))

    def abort(self):
        """Has the supervisor send SIGABRT, on which faulthandler writes where the code stands, unless that is one entry
        of the journal already.
        """
        self.hooks.worker_abort()
        if self.log.native is not None:
            self.log.error(format_stacks())
            self.log.native.sync()
            faulthandler.disable()
        elif PYPY:
            self.log.critical(format_stacks())
        if self.notifier.send("WATCHDOG=trigger"):
            self.alarm.acquire(True, OBEYED)
            self.alarm.acquire(True, OBEYED)    # the first may have been released before
        os.abort()
        while True:                 # PyPy comes back and ends a little later
            self.alarm.acquire()

    def end(self):
        """Ends a process whose time to finish is over."""
        if not self.quick:
            self.log.warning("the graceful time-out (%g s) is over: ended with %d requests unfinished"
                             % (self.graceful, self.server.busy()))
        os._exit(0)
