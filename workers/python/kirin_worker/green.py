"""The ``gevent`` and ``eventlet`` classes: each request in a green thread of its own, as far as it can tell.

A new green thread has CPython map memory for its stack, which takes longer than a short request. So one that has not
let others work, and on which the application has hung nothing, takes the next request.
"""

import os
import sys
from _thread import get_ident
from collections import deque
from contextvars import copy_context
from time import monotonic
from weakref import getweakrefcount

from .forked import leave
from .green_kits import KITS, greenlets
from .loopwatch import LoopWatch
from .parallel import Parallel
from .trace import find_local
from .wsgi import UNBEGUN, OverTime, Runner, request_line


class Green(Parallel):
    """A green thread a descriptor reads and hands on; responses of one turn of the hub share a write."""

    timed = False       # it is the hub that must not stand still

    def __init__(self, app, listener, options, log, signals):
        if options.websockets:
            from .gevent_websocket import wrap
            app = wrap(app)
        self.kit = KITS[options.kind]()
        self.slots = options.worker_connections
        self.thread = get_ident()
        self.over = self.kit.event()
        self.readers = {}           # by descriptor
        self.idle = []              # runners
        self.todo = deque()         # (connection, number, request) that no green thread has taken
        self.resting = []           # green threads that wait for something to do
        self.roused = False         # one of them is about to look
        self.unbroken = None        # the green thread that has run since the hub has last given it the word
        self.unflushed = set()      # connections with responses of this turn
        self.working = {}           # by connection and id: the green thread, and its runner
        self.asked = None           # what the watch wants called
        signals.unwinding = False
        Parallel.__init__(self, app, listener, options, log, signals)

    @classmethod
    def after_fork(cls, options):
        KITS[options.kind].after_fork()

    # Descriptors

    def attach(self, fd):
        self.readers[fd] = self.kit.spawn(self.read, fd)

    def detach(self, fd):
        reader = self.readers.pop(fd)
        if reader is not self.kit.current():    # that one sees it by itself
            self.kit.kill(reader)

    def read(self, fd):
        """The life of the green thread that looks at one descriptor."""
        while fd in self.readers:
            self.kit.wait_read(fd)
            if fd in self.readers:
                self.readable(fd)
                self.check()

    def readable(self, fd):
        conn = self.connections.get(fd)
        if conn is not None:
            self.take(conn)
        elif fd == self.signals.fileno():
            self.woken()
        else:
            self.welcome()

    def woken(self):
        """A signal, the watch, or the end of a request."""
        self.signals.clear()
        asked, self.asked = self.asked, None
        if asked is not None:
            asked()
        for conn in [conn for conn in self.connections.values() if conn.draining]:
            self.settle(conn)

    # Requests

    def serve(self, conn):
        """Has green threads take what was read."""
        while conn.requests:
            request = conn.requests.popleft()
            self.todo.append((conn, self.hand(conn, request), request))
        self.rouse()

    def rouse(self):
        """Sees to it that somebody looks at what is to be done as soon as the hub turns."""
        if self.todo and not self.roused:
            self.roused = True
            self.kit.soon(self.resume)

    def resume(self):
        """Gives a green thread the word; for the hub, since a new one refers to who has made it."""
        if not self.resting:
            self.kit.spawn(self.work)
            return
        self.unbroken = thread = self.resting.pop()
        thread.switch()
        self.unbroken = None            # it rests again, or waits for something

    def work(self):
        """The life of a green thread for requests."""
        thread = self.kit.current()
        self.kit.soon(self.resume)
        while self.rest(thread) and self.work_off(thread):
            pass

    def rest(self, thread):
        """Waits for something to do."""
        self.resting.append(thread)
        try:
            self.kit.rest()
        finally:
            if thread in self.resting:      # somebody has killed it
                self.resting.remove(thread)
        self.roused = False
        return True

    def work_off(self, thread):
        """Runs requests while there are any. False when the last has made the green thread its own."""
        before = self.traces(thread)
        context = copy_context()
        while self.todo:
            taken = self.todo.popleft()
            self.rouse()                # for the rest, should this one wait
            context.copy().run(self.attend, thread, *taken)
            if thread is not self.unbroken or before is None or self.traces(thread) != before:
                return False
        return True

    def traces(self, thread):
        """What tells whether something was hung on a green thread: a local, a time-out, a link. None: nothing does."""
        if not hasattr(sys, "getrefcount"):
            return None
        return sys.getrefcount(thread), getweakrefcount(thread), len(thread.__dict__), self.kit.links(thread)

    def attend(self, thread, conn, serial, request):
        """Runs one request."""
        runner = self.idle.pop() if self.idle else self.hire()
        self.working[conn, request[0]] = (thread, runner, monotonic())
        try:
            self.handle(runner, conn, serial, request)
        finally:
            self.working.pop((conn, request[0]), None)
            self.idle.append(runner)

    def abandon(self):
        Parallel.abandon(self)
        self.forker = self.kit.current()
        self.todo.clear()
        self.kit.after_child()

    def come_back(self, error):
        """The other requests' green threads go on in a child, as gevent has it; they do not end it."""
        if self.kit.current() is self.forker:
            leave(error, False)

    def give_up(self, conn, idents):
        """Ends requests that the front has answered for, since they took longer than request_timeout."""
        Parallel.give_up(self, conn, idents)
        limit = self.options.request_timeout
        if not limit:
            return
        for ident in idents:
            thread, runner, begun = self.working.get((conn, ident), (None, None, 0))
            if thread is not None and monotonic() - begun > limit / 2 and runner.exchange.state == UNBEGUN:
                self.kit.throw(thread, OverTime("over its time (request_timeout, %g s): cancelled" % limit))

    def hire(self):
        runner = Runner(self.app, self.options, self.log)
        runner.socketpair = self.kit.socketpair
        self.runners.append(runner)
        return runner

    def flush_soon(self, conn):
        if len(conn.running) <= 1:
            conn.flush()            # nobody else is at work
        elif conn not in self.unflushed:
            self.unflushed.add(conn)
            self.kit.soon(self.flush, conn)

    def flush(self, conn):
        self.unflushed.discard(conn)
        conn.flush()

    # The end

    def run(self):
        """Serves until nothing is left to do."""
        self.check()
        self.over.wait()

    def leave(self):
        """Ends the process here: a hub that the interpreter tears down beside a native thread may crash."""
        import atexit
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)

    def check(self):
        if self.signals.quitting or self.finished():
            self.over.set()

    # For the watch

    def make_watch(self, notifier):
        return LoopWatch(self, self.options, self.log, notifier)

    def poke(self, callback):
        """Has the hub call ``callback``; for other threads."""
        self.asked = callback
        self.signals.wake()

    def current(self):
        """(connection, id, request line, environ) of the request that is running right now; None for none."""
        runner = find_local(self.thread, Runner.run, "self")
        if runner is None or runner.environ is None:
            return None
        return runner.conn, runner.ident, request_line(runner.environ), runner.environ

    def format_stacks(self):
        """Where every green thread waits."""
        from .stacks import format_green
        return format_green(greenlets(), self.title)

    def title(self, found, frame):
        """A green thread's name, and its request."""
        from .stacks import local
        name = getattr(found, "name", None) or repr(found)
        runner = local(frame, Green.attend.__code__, "runner")
        environ = None if runner is None else runner.environ
        return name if environ is None else "%s (%s)" % (name, request_line(environ))
