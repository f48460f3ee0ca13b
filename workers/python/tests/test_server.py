"""Server's steps where a process could not be caught at the right moment."""

import os
import socket
import tempfile
import unittest
from types import SimpleNamespace

import _socket

from kirin_worker.options import Options
from kirin_worker.server import Server, retirement
from kirin_worker.signals import Signals
from kirin_worker.systemd import Notifier
from tests.front import DRAIN, HELLO, Wire


class Idle(Server):
    """Serves nothing."""

    def serve(self, conn):
        conn.requests.clear()


class Welcome(unittest.TestCase):

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "sock")
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind(self.path)
        listener.listen(5)
        listener.setblocking(False)
        signals = Signals()
        self.addCleanup(signals.close)
        self.server = Idle(listener, Options(), None, signals)
        self.server.watch = SimpleNamespace(notifier=Notifier())
        self.addCleanup(lambda: [conn.close() for conn in self.server.connections.values()])

    def connect(self):
        wire = Wire(self.path, hello=False)
        self.addCleanup(wire.close)
        return wire

    def test_hello(self):
        wire = self.connect()
        self.server.welcome()
        self.assertEqual(wire.expect(HELLO)["slots"], 1)

    def test_drain_that_came_before_the_next_connection(self):
        """The loop may see the listener first; the connection is the next process's all the same."""
        first = self.connect()
        self.server.welcome()
        first.expect(HELLO)
        first.send(DRAIN, None)
        late = self.connect()
        self.server.welcome()
        self.assertTrue(self.server.finished())
        late.sock.settimeout(0.05)
        self.assertRaises(socket.timeout, late.read)

    def test_nobody_there(self):
        self.server.welcome()
        self.assertEqual(self.server.connections, {})


class Retirement(unittest.TestCase):

    def test_jitter(self):
        options = Options()
        self.assertEqual(retirement(options), 0)
        options.max_requests_jitter = 5
        self.assertEqual(retirement(options), 0)
        options.max_requests = 10
        self.assertEqual({retirement(options) for _ in range(1000)}, set(range(10, 16)))
