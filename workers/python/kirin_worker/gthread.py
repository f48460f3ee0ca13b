"""The ``gthread`` class: several requests at once, each in a thread that is started when it is needed."""

import os
from queue import SimpleQueue
from threading import Thread
from time import monotonic

from .server import Server
from .trace import format_error
from .wire import discard
from .wsgi import Runner


class GThread(Server):
    """The main thread reads and hands on; a thread runs a request and sends what is there to be sent."""

    def __init__(self, app, listener, options, log, signals):
        Server.__init__(self, listener, options, log, signals)
        self.app = app
        self.slots = options.threads
        self.queue = SimpleQueue()
        self.handed = 0             # requests that were put into the queue

    def serve(self, conn):
        """Hands on what was read."""
        while conn.requests:
            request = conn.requests.popleft()
            self.count()
            conn.queued.add(request[0])
            self.handed += 1
            conn.running.add(self.handed)
            self.queue.put((conn, self.handed, request))
            if len(self.runners) < self.slots and self.unfinished() > len(self.runners):
                self.hire()

    def unfinished(self):
        return self.handed - sum(runner.done for runner in self.runners)

    def hire(self):
        """Starts one more thread."""
        runner = Runner(self.app, self.options, self.log)
        self.runners.append(runner)
        Thread(target=self.work, args=(runner,), name="kirin-%d" % len(self.runners), daemon=True).start()

    def work(self, runner):
        """The life of a thread."""
        while True:
            conn, serial, request = self.queue.get()
            try:
                self.handle(runner, conn, serial, request)
            except BaseException as error:
                self.log.critical("the worker itself failed\n%s" % format_error(error))
                os._exit(1)

    def handle(self, runner, conn, serial, request):
        """Takes one request to its end. It counts as running until its response was sent.

        It counts by a number of its own: its id may be that of the next request as soon as the front has the
        response.
        """
        ident = request[0]
        conn.queued.discard(ident)
        if conn.gone:
            discard(request)
        elif ident in conn.cancelled:
            conn.refuse(request)
        else:
            runner.run(conn, request, monotonic())
        runner.done += 1
        conn.flush()
        conn.running.discard(serial)
        if self.orphan:
            os._exit(0)
        if conn.draining or self.signals.stopping:
            self.signals.wake()
