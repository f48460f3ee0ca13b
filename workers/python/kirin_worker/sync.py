"""The ``sync`` class: one request at a time, in the main thread."""

from time import monotonic

from .server import Server
from .wire import RETURNED
from .wsgi import LATE, Runner


class Sync(Server):
    """Runs the requests of a connection in order. Responses share a write while they are quick."""

    def __init__(self, app, listener, options, log, signals):
        Server.__init__(self, listener, options, log, signals)
        self.runner = Runner(app, options, log)

    def serve(self, conn):
        runner = self.runner
        requests = conn.requests
        now = looked = monotonic()
        while requests:
            request = requests.popleft()
            if conn.cancelled and request[0] in conn.cancelled:
                self.give_back(conn, request)
                continue
            self.count()
            runner.run(conn, request, now)
            now = monotonic()
            if conn.out and (now - conn.since > LATE or len(conn.out) >= 16):
                conn.flush()
            if requests and now - looked > LATE:
                looked = now
                self.receive(conn)
                if conn.gone:
                    return
        conn.flush()

    def give_back(self, conn, request):
        """Answers a request that was called back before it was begun."""
        conn.cancelled.discard(request[0])
        conn.discard(request)
        conn.out.append((request[0], RETURNED, None, None, None))
