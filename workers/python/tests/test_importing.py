"""The word about an import that takes long."""

import queue
import threading
import unittest
from unittest import mock

from kirin_worker import importing


class Ear:
    """A log and a notifier."""

    def __init__(self):
        self.lines, self.sent = queue.Queue(), queue.Queue()

    def warning(self, text, fields):
        self.lines.put((text, fields))

    def send(self, message, patience):
        self.sent.put(message)


class Slow(unittest.TestCase):

    def setUp(self):
        patch = mock.patch.object(importing, "FIRST", 0.01)
        patch.start()
        self.addCleanup(patch.stop)
        self.ear = Ear()

    def test_where_it_stands(self):
        with importing.Importing(self.ear, self.ear):
            text, fields = self.connect()
        place = r"test_importing\.py, line \d+, in connect$"
        self.assertRegex(text, "^still importing the application after 0 s: .*" + place)
        self.assertEqual(fields["CODE_FUNC"], "connect")
        self.assertRegex(self.ear.sent.get(timeout=60), "^STATUS=Still importing the application after 0 s: ")
        while self.ear.sent.get(timeout=60) != "STATUS=":       # it is over
            pass

    def connect(self):
        return self.ear.lines.get(timeout=60)

    def test_a_server(self):
        import socketserver
        server = socketserver.TCPServer(("127.0.0.1", 0), None)
        self.addCleanup(server.server_close)
        with importing.Importing(self.ear, self.ear):
            threading.Thread(target=self.end, args=(server,)).start()
            server.serve_forever()
        self.assertRegex(self.heard, r'it runs a server of its own by serve_forever\(\): call that below `if __name__ ')

    def end(self, server):
        self.heard, _ = self.connect()
        server.shutdown()

    def test_a_quick_one_says_nothing(self):
        with mock.patch.object(importing, "FIRST", 60):
            with importing.Importing(self.ear, self.ear):
                pass
        self.assertTrue(self.ear.lines.empty())
        self.assertTrue(self.ear.sent.empty())
