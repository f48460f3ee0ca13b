"""The ``gthread`` class: several requests at once, each in a thread that is started when it is needed."""

import os
from collections import deque
from queue import SimpleQueue
from threading import Thread, get_native_id
from time import monotonic

from .parallel import Parallel
from .trace import format_error
from .wire import INLINE, MAX_BATCH
from .wsgi import LATE, Runner


class GThread(Parallel):
    """The main thread reads and calls a thread, which calls the next before it begins, as long as there is more to do.

    So quick requests that were read together are run by one thread or two, which need not wait for each other; and
    one that waits for something holds nobody up.
    """

    def __init__(self, app, listener, options, log, signals):
        Parallel.__init__(self, app, listener, options, log, signals)
        self.slots = options.threads
        self.todo = deque()         # (connection, number, request) that no thread has taken
        self.calls = SimpleQueue()
        self.hired = []             # the ids of the threads, as the kernel has them
        self.called = False         # a thread is about to look at what is to be done

    def serve(self, conn):
        """Hands on what was read."""
        while conn.requests:
            request = conn.requests.popleft()
            self.todo.append((conn, self.hand(conn, request), request))
            if len(self.runners) < self.slots and self.unfinished() > len(self.runners):
                self.hire()
        self.call()

    def threads(self):
        return [0] + self.hired

    def unfinished(self):
        return self.handed - sum(runner.done for runner in self.runners)

    def call(self):
        """Has a thread look at what is to be done. A call too many does no harm."""
        if self.todo and not self.called:
            self.called = True
            self.calls.put(None)

    def hire(self):
        """Starts one more thread."""
        runner = Runner(self.app, self.options, self.log)
        self.runners.append(runner)
        Thread(target=self.work, args=(runner,), name="kirin-%d" % len(self.runners), daemon=True).start()

    def work(self, runner):
        """The life of a thread."""
        self.hired.append(get_native_id())
        while True:
            self.calls.get()
            self.called = False     # before it looks: what comes afterwards brings a call of its own
            try:
                self.work_off(runner)
            except BaseException as error:
                self.log.critical("the worker itself failed\n%s" % format_error(error))
                os._exit(1)

    def work_off(self, runner):
        """Runs what there is to do."""
        while True:
            try:
                taken = self.todo.popleft()
            except IndexError:
                return
            self.call()
            self.handle(runner, *taken)

    def flush_soon(self, conn):
        """Sends what was posted, unless it can wait for the next response. The watch sends what has waited too long."""
        now = monotonic()
        if self.todo and now - conn.since < LATE and len(conn.out) < MAX_BATCH and conn.posted <= INLINE:
            self.watch.batch(now)
        else:
            conn.flush()
