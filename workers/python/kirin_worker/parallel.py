"""What the classes share that run several WSGI requests at once, in threads or in green ones."""

from time import monotonic

from .server import Server
from .wire import discard


class Parallel(Server):
    """A request counts as running until its response was sent.

    It counts by a number of its own: its id may be that of the next request as soon as the front has the
    response.
    """

    def __init__(self, app, listener, options, log, signals):
        Server.__init__(self, listener, options, log, signals)
        self.app = app
        self.handed = 0             # requests that were handed on

    def hand(self, conn, request):
        """Counts a request; gives its number."""
        self.count()
        conn.queued.add(request[0])
        self.handed += 1
        conn.running.add(self.handed)
        return self.handed

    def handle(self, runner, conn, serial, request):
        """Takes one request to its end."""
        ident = request[0]
        conn.queued.discard(ident)
        if conn.gone:
            discard(request)
        elif ident in conn.cancelled:
            conn.refuse(request)
        else:
            runner.run(conn, request, monotonic())
        runner.done += 1
        self.flush_soon(conn)
        conn.running.discard(serial)
        if conn.draining or self.signals.stopping:
            self.signals.wake()

    def flush_soon(self, conn):
        """Sends what was posted."""
        conn.flush()
