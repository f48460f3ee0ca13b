"""The ``asgi`` class: an event loop that runs many requests at once (ASGI 3, and 2 by an adapter)."""

import asyncio
import os
import sys
from _thread import get_ident

from . import asgi_scope
from .asgi_http import BEGUN, Exchange
from .asgi_ws import Socket
from .calls import is_double_callable, single_callable
from .errors import WorkerError
from .lifespan import Lifespan
from .log import APP_ERROR
from .loopwatch import LoopWatch
from .pipe import Pipe
from .server import Server
from .wire import WEBSOCKET

PARTING = 5.0       # seconds for the tasks that are left when the loop ends
TICK = 0.005        # seconds that the head of a response waits for its body, at least; twice as long at most


def new_loop(kind):
    """An event loop: ``asyncio``, ``uvloop``, or with ``auto`` uvloop where it is installed."""
    if kind != "asyncio":
        try:
            import uvloop
        except ImportError:
            if kind == "uvloop":
                raise WorkerError("asgi_loop is uvloop, which is not installed in %s" % sys.prefix)
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


class ASGI(Server):
    """The loop reads and hands on; each request is a task. Responses of one turn share a write."""

    interface = "asgi"
    timed = False       # a request may take as long as it wants, it is the loop that must not stand still
    cancelled = asyncio.CancelledError
    upgrades = False    # WebSockets are messages

    def __init__(self, app, listener, options, log, signals):
        self.loop = self.make_loop(options)
        asyncio.set_event_loop(self.loop)
        self.thread = get_ident()
        self.over = self.loop.create_future()
        self.app = single_callable(app) if is_double_callable(app) else app
        self.slots = options.worker_connections
        self.lifespan = Lifespan(self.app, self.loop, options.asgi_lifespan, log)
        self.tasks = {}         # Exchange of each task
        self.unflushed = set()  # connections with responses of this turn
        self.fresh = []         # exchanges whose response has begun of late
        self.older = []         # and those a tick before
        self.ticking = False
        signals.unwinding = False
        Server.__init__(self, listener, options, log, signals)
        self.task = self.task_factory()

    def make_loop(self, options):
        return new_loop(options.asgi_loop)

    def task_factory(self):
        """What makes a task of a coroutine; where it can, the first step is taken at once (Python 3.12)."""
        if sys.version_info >= (3, 12):
            return lambda coro: asyncio.Task(coro, loop=self.loop, eager_start=True)
        return self.loop.create_task

    def make_watch(self, notifier):
        return LoopWatch(self, self.options, self.log, notifier)

    def attach(self, fd):
        self.loop.add_reader(fd, self.readable, fd)

    def detach(self, fd):
        self.loop.remove_reader(fd)

    def open(self):
        """lifespan.startup; WorkerError when the application refuses to start."""
        self.loop.run_until_complete(self.lifespan.startup())

    def run(self):
        """Serves until nothing is left to do."""
        self.check()
        try:
            self.loop.run_until_complete(self.over)
            if not self.signals.quitting:
                self.loop.run_until_complete(self.lifespan.shutdown())
        finally:
            self.part()

    def part(self):
        """Cancels what is left and closes the loop."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=PARTING))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    # For the watch

    def poke(self, callback):
        """Has the loop call ``callback``; for other threads."""
        self.loop.call_soon_threadsafe(callback)

    def current(self):
        """(connection, id, request line, scope) of the request whose task is running right now; None for none."""
        exchange = self.tasks.get(asyncio.current_task(self.loop))
        return None if exchange is None else self.about(exchange)

    @staticmethod
    def about(exchange):
        return exchange.conn, exchange.ident, asgi_scope.request_line(exchange.scope), exchange.scope

    def format_stacks(self):
        """Where every task waits."""
        from .stacks import format_tasks
        return format_tasks(self.loop, self.title)

    def title(self, task):
        """A task's name, and its request."""
        exchange = self.tasks.get(task)
        if exchange is None:
            return task.get_name()
        return "%s (%s)" % (task.get_name(), asgi_scope.request_line(exchange.scope))

    def busy(self):
        return len(self.tasks)

    # What an exchange asks for

    def complete(self, scope):
        """The scope as the application gets it. It is called in the request's task."""
        if self.log.native is not None:
            self.log.native.note(scope)
        return asgi_scope.complete(scope, self.lifespan.state)

    def pipe(self, sock):
        return Pipe(self.loop, sock)

    def report(self, error, scope):
        """Logs ``error`` with its traceback and the request that met it."""
        self.log.exception("error in the application: " + asgi_scope.request_line(scope), error, APP_ERROR)

    # In the loop

    def readable(self, fd):
        """One of the descriptors has something."""
        conn = self.connections.get(fd)
        if conn is not None:
            self.take(conn)
        elif fd != self.signals.fileno():
            self.welcome()
        else:
            self.signals.clear()
            for conn in [conn for conn in self.connections.values() if conn.draining]:
                self.settle(conn)
        self.check()

    def check(self):
        """Ends the loop when there is nothing left to do."""
        if not self.over.done() and (self.signals.quitting or self.finished()):
            self.over.set_result(None)

    def adopt(self, sock):
        conn = Server.adopt(self, sock)
        os.set_blocking(conn.fd, True)      # uvloop changes that; a frame that does not fit at once must not be lost
        conn.queued = {}            # by id: the exchanges whose response is not whole
        return conn

    def receive(self, conn):
        got = Server.receive(self, conn)
        if conn.cancelled:
            for ident in conn.cancelled.intersection(conn.queued):
                conn.cancelled.discard(ident)
                conn.queued[ident].disconnect()
        if conn.gone:
            for exchange in list(conn.running):
                exchange.disconnect()
        elif conn.draining:
            for exchange in list(conn.running):
                exchange.retire()
        return got

    def serve(self, conn):
        """Makes a task of each request that was read."""
        while conn.requests:
            request = conn.requests.popleft()
            if request[0] in conn.cancelled:
                conn.refuse(request)
                self.flush_soon(conn)
                continue
            self.count()
            exchange = self.exchange(conn, request)
            conn.running.add(exchange)
            conn.queued[request[0]] = exchange
            task = self.task(exchange.run())
            if not exchange.ended:
                exchange.task = task
                self.tasks[task] = exchange

    def exchange(self, conn, request):
        """What serves a request."""
        return (Socket if request[1] == WEBSOCKET else Exchange)(self, conn, request)

    def flush_soon(self, conn):
        """Sends what was posted at the end of this turn of the loop, so that responses share a write."""
        if len(conn.running) <= 1:
            conn.flush()            # nobody else is at work
        elif conn not in self.unflushed:
            self.unflushed.add(conn)
            self.loop.call_soon(self.flush, conn)

    def flush(self, conn):
        self.unflushed.discard(conn)
        conn.flush()

    def has_begun(self, exchange):
        """A response has begun. Its head goes with the body, unless that takes its time."""
        self.fresh.append(exchange)
        if not self.ticking:
            self.ticking = True
            self.loop.call_later(TICK, self.tick)

    def tick(self):
        for exchange in self.older:
            if exchange.state == BEGUN:
                exchange.release()
        self.older, self.fresh = self.fresh, []
        self.ticking = bool(self.older)
        if self.ticking:
            self.loop.call_later(TICK, self.tick)

    def ended(self, exchange):
        """The application is through with a request."""
        conn = exchange.conn
        conn.running.discard(exchange)
        self.tasks.pop(exchange.task, None)
        if self.orphan:
            os._exit(0)
        if conn.draining:
            self.settle(conn)
            self.check()
