"""The ``tornado`` class: Tornado's loop, for a tornado.web.Application and for a WSGI callable.

An application of Tornado's runs many requests at once, each a task. A WSGI callable runs one at a time in the
loop, so that it may use what else is there: callbacks, clients, coroutines that it has started.
"""

import asyncio
import os
import sys
from time import monotonic

from .asgi import ASGI, new_loop
from .errors import TORNADO_MISSING, WorkerError
from .trace import find_local
from .wire import COMPLETE, WEBSOCKET
from .wsgi import Runner, request_line

BUSY = ("503 Service Unavailable", [("Content-Length", "0")], b"")


def prepare(options):
    """Makes Tornado's loop, before the application is imported: its modules may ask for it."""
    try:
        from tornado.ioloop import IOLoop
    except ImportError as error:
        raise WorkerError(TORNADO_MISSING % error)
    asyncio.set_event_loop(present_loop() or new_loop(options.asgi_loop))
    IOLoop.current()
    options.asgi_lifespan = "off"


def present_loop():
    """The loop that an application has made by itself; None when it has not."""
    if "tornado.platform.asyncio" not in sys.modules:
        return None
    from tornado.ioloop import IOLoop
    loops = [loop for loop in IOLoop._ioloop_for_asyncio if not loop.is_closed()]
    return loops[0] if loops else None


def is_tornados(app):
    """Whether ``app`` is an application of Tornado's."""
    httputil = sys.modules.get("tornado.httputil")
    return httputil is not None and isinstance(app, httputil.HTTPServerConnectionDelegate)


class InTornado(ASGI):
    """What both have: Tornado's loop."""

    upgrades = True
    spares = False      # a handler has a task of its own, whatever we do

    @classmethod
    def serving(cls, app):
        return Tornado if is_tornados(app) else TornadoWSGI

    @classmethod
    def after_fork(cls, options):
        """A loop of the child's own, since the parent's is shared with every other child."""
        from tornado.ioloop import IOLoop
        asyncio.set_event_loop(new_loop(options.asgi_loop))
        IOLoop.current()

    def make_loop(self, options):
        return asyncio.get_event_loop_policy().get_event_loop()


def complain(loop, context):
    """The loop's word on exceptions that nobody has caught, but for cancellation."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


class Tornado(InTornado):
    """Serves a tornado.web.Application by its own interface for servers, tornado.httputil."""

    @classmethod
    def hooked(cls, app, hooks):
        """pre_request is for WSGI; Gunicorn's class does not call it either."""
        return app

    def exchange(self, conn, request):
        from .tornado_http import TornadoExchange
        return TornadoExchange(self, conn, request)

    def serve(self, conn):
        """Makes a task of each request. What was meant for ASGI while the front changes its workers is refused."""
        for request in [request for request in conn.requests if request[1] == WEBSOCKET]:
            conn.requests.remove(request)
            os.close(request[3][1])
            conn.post((request[0], COMPLETE) + BUSY)
            conn.flush()
        ASGI.serve(self, conn)

    def part(self):
        """Cancels what is left, of which Tornado need not complain."""
        self.loop.set_exception_handler(complain)
        ASGI.part(self)

    # For the watch

    def current(self):
        """As for ASGI; a handler runs in a task of its own."""
        from tornado.web import RequestHandler
        handler = find_local(self.thread, RequestHandler._execute, "self")
        exchange = getattr(getattr(handler, "request", None), "connection", None)
        exchange = getattr(exchange, "exchange", None)
        return self.about(exchange) if exchange is not None else ASGI.current(self)

    def title(self, task):
        exchange = self.tasks.get(task)
        if exchange is not None and not exchange.feeding:
            return ""       # the handler's task tells more
        frame = getattr(task.get_coro(), "cr_frame", None)
        handler = frame.f_locals.get("self") if frame is not None else None
        request = getattr(handler, "request", None)
        if request is None:
            return ASGI.title(self, task)
        return "%s (%s %s)" % (task.get_name(), request.method, request.uri)


class TornadoWSGI(InTornado):
    """Serves a WSGI callable in the loop, which turns between two requests."""

    interface = "wsgi"
    timed = True
    upgrades = False        # it would hold up the loop

    def __init__(self, app, listener, options, log, signals):
        ASGI.__init__(self, app, listener, options, log, signals)
        self.slots = 1
        self.runner = Runner(app, options, log)
        self.runners.append(self.runner)

    def busy(self):
        return sum(1 for runner in self.runners if runner.environ is not None)

    def serve(self, conn):
        """Runs one request; the next has its turn when the loop has had one."""
        if not conn.running:
            conn.running.add(0)
            self.loop.call_soon(self.next, conn)

    def next(self, conn):
        conn.running.discard(0)
        if conn.requests and not conn.gone:
            self.run_one(conn, conn.requests.popleft())
        if conn.requests and not conn.gone:
            self.serve(conn)
        elif conn.draining or conn.gone:
            self.settle(conn)
            self.check()

    def run_one(self, conn, request):
        if request[0] in conn.cancelled:
            conn.refuse(request)
        else:
            self.count()
            self.runner.run(conn, request, monotonic())
        conn.flush()

    def current(self):
        runner = self.runner
        environ = runner.environ
        return None if environ is None else (runner.conn, runner.ident, request_line(environ), environ)
