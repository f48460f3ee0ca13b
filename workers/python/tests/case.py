"""What most test cases share: a worker for the whole class, and a connection for each test."""

import os
import shutil
import tempfile
import time
import unittest

from tests.front import PATIENCE, Worker


class Gate:
    """What an application waits at (apps/gate.py) until the test opens it. ``path`` goes into the request's target."""

    def __init__(self, test):
        folder = tempfile.mkdtemp(prefix="kirin-gate-")
        test.addCleanup(shutil.rmtree, folder, True)
        self.path = os.path.join(folder, "open")

    def reached(self):
        """Waits until an application is there."""
        end = time.monotonic() + PATIENCE
        while not os.path.exists(self.path + ".begun"):
            assert time.monotonic() < end, "the application has not come to the gate"
            time.sleep(0.005)

    def open(self):
        with open(self.path, "w"):
            pass


class ServedCase(unittest.TestCase):
    """Tests against one worker of ``application``."""

    application = "pep:app"
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.worker = Worker(cls.application, *cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.worker.close()

    def setUp(self):
        self.wire = self.worker.connect()
        self.addCleanup(self.wire.close)

    def get(self, target="/", method="GET", body=None, **extra):
        return self.wire.get(target, method, body, **extra)

    def body(self, target, **extra):
        """The body of a response that is 200 and whole."""
        response = self.get(target, **extra)
        self.assertEqual(response.status, "200 OK")
        self.assertIn(response.whole, (None, True))
        return response.body

    def fails(self, target, message):
        """A request that the application fails: 500, and ``message`` in the log."""
        response = self.get(target)
        self.assertEqual(response.status, "500 Internal Server Error")
        self.assertIn(b"Internal Server Error", response.body)
        self.worker.wait_log(message)


class WorkerCase(unittest.TestCase):
    """Tests that each start workers of their own."""

    def start(self, application="pep:app", *options, **settings):
        worker = Worker(application, *options, **settings)
        self.addCleanup(worker.close)
        return worker

    def served(self, *arguments, **settings):
        """A worker and a connection to it."""
        worker = self.start(*arguments, **settings)
        return worker, worker.connect()
