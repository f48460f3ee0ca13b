"""Threads of the runtime's own."""

import threading
import unittest

from kirin_worker import thread
from kirin_worker.wsgi import Quit
from tests.front import PATIENCE


class Start(unittest.TestCase):
    """A thread that the kernel is slow to run."""

    def setUp(self):
        self.order = []
        self.slow = threading.Event()       # set when the kernel has time for it
        self.called = threading.Event()
        original = thread.start_new_thread
        self.addCleanup(setattr, thread, "start_new_thread", original)

        def late(function, arguments):
            def begin():
                self.called.set()
                self.slow.wait(PATIENCE)
                self.order.append("runs")
                function(*arguments)
            original(begin, ())
        thread.start_new_thread = late

    def test_is_waited_for(self):
        starter = threading.Thread(target=lambda: [thread.start(lambda: None), self.order.append("started")])
        starter.start()
        self.assertTrue(self.called.wait(PATIENCE))
        starter.join(0.1)       # for one that would not wait
        self.slow.set()
        starter.join(PATIENCE)
        self.assertEqual(self.order, ["runs", "started"])

    def test_also_when_the_process_is_to_end(self):
        """A signal's handler raises Quit while start() waits."""
        class Lock:
            def __init__(self, lock):
                self.lock, self.acquired = lock, 0
                self.release = lock.release

            def acquire(lock):
                lock.acquired += 1
                if lock.acquired == 2:
                    self.slow.set()
                    raise Quit()
                return lock.lock.acquire()

        original = thread.allocate_lock
        self.addCleanup(setattr, thread, "allocate_lock", original)
        thread.allocate_lock = lambda: Lock(original())
        self.assertRaises(Quit, thread.start, lambda: None)
        self.assertEqual(self.order, ["runs"])
