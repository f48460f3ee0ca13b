"""The ``sync`` class: one request at a time, in the main thread."""

from time import monotonic

from .server import Server
from .wire import INLINE, MAX_BATCH
from .wsgi import LATE, Runner


class Sync(Server):
    """Runs the requests of a connection in order. Responses share a write while they are quick."""

    def __init__(self, app, listener, options, log, signals):
        Server.__init__(self, listener, options, log, signals)
        self.runner = Runner(app, options, log)
        self.runner.listen = self.catch_up
        self.runners.append(self.runner)
        self.was_slow = False       # the last request took so long that more may have come meanwhile

    def serve(self, conn):
        """Runs what was read, and looks for CANCEL before each request that has waited for a slow one."""
        run = self.runner.run
        requests = conn.requests
        cancelled = conn.cancelled
        out = conn.out
        now = begun = monotonic()
        looked = 0.0 if self.was_slow else now
        if len(requests) > 1:
            self.watch.batch(now)
        while requests:
            if now - looked > LATE:
                looked = now
                self.catch_up(conn)
                if conn.gone:
                    return
            request = requests.popleft()
            if cancelled and request[0] in cancelled:
                conn.refuse(request)
                continue
            self.count()
            begun = now
            run(conn, request, now)
            now = monotonic()
            if conn.gone:
                return
            if now - conn.since > LATE or len(out) >= MAX_BATCH or conn.posted > INLINE:
                conn.flush()
        self.was_slow = now - begun > LATE
        conn.flush()

    def catch_up(self, conn):
        """Reads all there is."""
        while not conn.gone and self.receive(conn):
            pass
