"""The ``asgi`` class: an event loop that runs many requests at once (ASGI 3, and 2 by an adapter)."""

import asyncio
import os
import sys
from _thread import get_ident
from time import monotonic

from . import asgi_scope, forked
from .asgi_http import BEGUN, Exchange
from .asgi_messages import Messages
from .asgi_spare import Spare, possible
from .asgi_ws import Socket
from .calls import is_double_callable, single_callable
from .errors import WorkerError
from .lifespan import Lifespan
from .log import APP_ERROR
from .loopwatch import LoopWatch
from .pipe import Pipe
from .server import Server
from .wire import INLINE, MAX_BATCH, MULTIPLEXED, WEBSOCKET
from .wsgi import LATE

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


def present_loop():
    """The loop that is the current one already, since the application has asked for one; None when it has not."""
    policy = asyncio.get_event_loop_policy()
    loop = getattr(getattr(policy, "_local", None), "_loop", None)
    return None if loop is None or loop.is_closed() or loop.is_running() else loop


def prepare(options):
    """Makes the worker's loop the current one, before the application is imported: it may begin tasks there. With
    ``auto`` it has been; a parent's loop is made by the application or not at all, see after_fork().
    """
    options.loop = present_loop()
    if options.loop is None and not options.preload:
        options.loop = new_loop(options.asgi_loop)
        asyncio.set_event_loop(options.loop)


class ASGI(Server):
    """The loop reads and hands on; a request that has to wait is a task. Responses of one turn share a write."""

    interface = "asgi"
    timed = False       # a request may take as long as it wants, it is the loop that must not stand still
    cancelled = asyncio.CancelledError
    upgrades = False    # WebSockets are messages
    messages = True     # and may share the front's connection
    spares = True       # see asgi_spare

    def __init__(self, app, listener, options, log, signals):
        self.loop = self.make_loop(options)
        asyncio.set_event_loop(self.loop)
        self.thread = get_ident()
        self.over = self.loop.create_future()
        self.app = single_callable(app) if is_double_callable(app) else app
        self.slots = options.worker_connections
        self.lifespan = Lifespan(self.app, self.loop, options.asgi_lifespan, log)
        self.tasks = {}         # Exchange of each task
        self.spare = None       # a task for the next request
        self.stepping = None    # Exchange whose first step is under way
        self.serving = None     # the connection whose requests are being begun
        self.unflushed = set()  # connections with responses of this turn
        self.fresh = []         # exchanges whose response has begun of late
        self.older = []         # and those a tick before
        self.ticking = False
        # Whether each request is told of: to a hook, a log, or the fields of an entry.
        self.noting = options.access is not None or options.after is not None or log.native is not None
        signals.unwinding = False
        Server.__init__(self, listener, options, log, signals)

    @classmethod
    def after_fork(cls, options):
        """The loop that the application has made in the parent goes on, with descriptors of its own."""
        loop = present_loop()
        options.loop = loop if isinstance(loop, asyncio.SelectorEventLoop) else None
        if options.loop is not None:
            forked.renew_loop(loop)

    def make_loop(self, options):
        return options.loop or new_loop(options.asgi_loop)

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
            if not self.orphan:
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

    # In a forked child

    def abandon(self):
        Server.abandon(self)
        forked.renew_loop(self.loop)
        if get_ident() != self.thread:
            return              # it ends with its thread
        task = asyncio.current_task(self.loop)
        self.forker = self.of_task(task)
        if task is None:
            self.loop.call_soon(self.come_back, None)
        elif self.forker is None:
            task.add_done_callback(lambda task: self.come_back(None if task.cancelled() else task.exception()))

    def descriptors(self):
        found = Server.descriptors(self)
        for exchange in self.linked_exchanges():
            for pipe in (getattr(exchange, "pipe", None), getattr(getattr(exchange, "source", None), "pipe", None)):
                if pipe is not None:
                    found.append(pipe.fd)
        return found

    def linked_exchanges(self):
        """Those that are under way."""
        return list(self.tasks.values()) + [self.stepping] * (self.stepping is not None)

    def falls(self, exchange, error):
        """Whether this is a child, which answers nothing; who has forked it ends it."""
        if self.orphan and exchange is self.forker:
            self.come_back(error)
        return self.orphan

    # For the watch

    def poke(self, callback):
        """Has the loop call ``callback``; for other threads."""
        self.loop.call_soon_threadsafe(callback)

    def current(self):
        """(connection, id, request line, scope) of the request whose task is running right now; None for none."""
        exchange = self.of_task(asyncio.current_task(self.loop))
        return None if exchange is None else self.about(exchange)

    def of_task(self, task):
        """The Exchange of a task, None for another's."""
        spare = self.spare
        return self.stepping if spare is not None and task is spare.task else self.tasks.get(task)

    @staticmethod
    def about(exchange):
        return exchange.conn, exchange.ident, asgi_scope.request_line(exchange.scope), exchange.scope

    def format_stacks(self):
        """Where every task waits."""
        from .stacks import format_tasks
        return format_tasks(self.loop, self.title)

    def title(self, task):
        """A task's name, and its request; nothing for a task that waits for one."""
        exchange = self.of_task(task)
        if exchange is None:
            return "" if self.spare is not None and task is self.spare.task else task.get_name()
        return "%s (%s)" % (task.get_name(), asgi_scope.request_line(exchange.scope))

    def busy(self):
        return len(self.tasks) + (self.stepping is not None)

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
        conn.on_messages = self.hear
        return conn

    def receive(self, conn, patient=False):
        got = Server.receive(self, conn, patient)
        if conn.cancelled:
            for ident in conn.cancelled.intersection(conn.queued):
                conn.cancelled.discard(ident)
                conn.queued[ident].disconnect()
        if conn.gone:
            self.disconnect(conn)
        elif conn.draining:
            for exchange in list(conn.running):
                exchange.retire()
        return got

    @staticmethod
    def disconnect(conn):
        """The front is gone, and with it every client."""
        for exchange in list(conn.running):
            exchange.disconnect()

    def serve(self, conn):
        """Begins each request that was read. Responses share a write while they are quick."""
        requests = conn.requests
        if self.spare is not None and not self.spare.clean():
            self.drop_spare()
        self.serving = conn
        try:
            while requests:
                request = requests.popleft()
                if request[0] in conn.cancelled:
                    conn.refuse(request)
                else:
                    self.count()
                    self.begin(self.exchange(conn, request))
                if conn.said:
                    conn.seal()
                if conn.out and (not requests or self.is_enough(conn)):
                    conn.flush()
        finally:
            self.serving = None
        if conn.gone:
            self.disconnect(conn)

    @staticmethod
    def is_enough(conn):
        """Whether what was posted has waited long enough for company."""
        return len(conn.out) >= MAX_BATCH or conn.posted > INLINE or monotonic() - conn.since > LATE

    def begin(self, exchange):
        """Takes a request's first step, where that is possible. What has to wait becomes a task."""
        spare = self.spare
        if spare is None:
            if not self.spares or not possible(self.loop):
                exchange.waits(self.loop.create_task(exchange.run()))
                return
            spare = self.spare = Spare(self.loop, self.prepare)
        self.stepping = exchange
        try:
            ended = spare.step(exchange.run())
        finally:
            self.stepping = None
        if not ended:
            self.spare = None
            exchange.waits(spare.task)
        elif not spare.clean():
            self.drop_spare()

    def drop_spare(self):
        """Lets the spare task end, since it has become some request's own."""
        self.spare.drop()
        self.spare = None

    def prepare(self):
        """Makes the context of a spare task what finish() leaves behind."""
        if self.log.native is not None:
            self.log.native.note(None)

    KINDS = {WEBSOCKET: Socket, MULTIPLEXED: Messages}

    def exchange(self, conn, request):
        """What serves a request."""
        return self.KINDS.get(request[1], Exchange)(self, conn, request)

    @staticmethod
    def hear(conn, messages):
        """Hands on what came for WebSockets. Those that have ended are not known any more."""
        queued = conn.queued
        for ident, kind, data in messages:
            exchange = queued.get(ident)
            if exchange is not None:
                exchange.hear(kind, data)

    def flush_soon(self, conn):
        """Sends what was posted at the end of this turn of the loop, so that responses share a write."""
        if conn is self.serving:
            if not conn.requests:
                self.flush(conn)    # or else serve() will
        elif len(conn.running) <= 1:
            self.flush(conn)        # nobody else is at work
        elif conn not in self.unflushed:
            self.unflushed.add(conn)
            self.loop.call_soon(self.flush, conn)

    def flush(self, conn):
        self.unflushed.discard(conn)
        conn.seal()
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
        if self.orphan:
            self.falls(exchange, None)
            return
        if exchange.task is None:
            return              # it has not waited
        conn = exchange.conn
        conn.running.discard(exchange)
        self.tasks.pop(exchange.task, None)
        if conn.draining:
            self.settle(conn)
            self.check()
