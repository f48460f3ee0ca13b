"""The ``gthread`` class: several requests at once, each in a thread that is started when it is needed."""

import os
from queue import SimpleQueue
from threading import Thread

from .parallel import Parallel
from .trace import format_error
from .wsgi import Runner


class GThread(Parallel):
    """The main thread reads and hands on; a thread runs a request and sends what is there to be sent."""

    def __init__(self, app, listener, options, log, signals):
        Parallel.__init__(self, app, listener, options, log, signals)
        self.slots = options.threads
        self.queue = SimpleQueue()

    def serve(self, conn):
        """Hands on what was read."""
        while conn.requests:
            request = conn.requests.popleft()
            self.queue.put((conn, self.hand(conn, request), request))
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
