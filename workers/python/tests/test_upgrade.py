"""A client's socket in the environ (docs/protocol.md, Upgrades)."""

import socket
import sys
import unittest

from kirin_worker.upgrade import Upgrade
from tests.case import ServedCase, WorkerCase
from tests.front import PATIENCE, REQUEST, RESPONSE

ACCEPT, END = 6, 3


class Upgrades:
    """What all classes do that give WSGI applications a socket."""

    def upgrade(self, target):
        """Sends a request with a socket; gives our end of that."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        ours.settimeout(PATIENCE)
        self.wire.ident += 1
        with theirs:
            head = self.wire.head("GET", target, None, {})
            self.wire.send(REQUEST, [(self.wire.ident, 4, head, None)], [theirs.fileno()])
        return ours

    def speak(self, target):
        """An upgrade that the application accepts, to its end."""
        ours = self.upgrade(target)
        self.assertEqual(self.wire.expect(RESPONSE), (self.wire.ident, ACCEPT, None, [], None, None))
        ours.sendall(b"hello")
        data = b""
        while not data.endswith(b"HELLO"):
            data += ours.recv(100)
        self.assertEqual(data, b"HTTP/1.1 101 x\r\n\r\nHELLO")
        self.assertEqual(ours.recv(100), b"")
        self.assertEqual(self.wire.expect(RESPONSE), (self.wire.ident, END, 1, None, 0, None))

    def test_hello(self):
        self.assertIs(self.wire.hello["upgrades"], True)

    def test_spoken(self):
        for target in ("/", "/answer", "/stop"):
            self.speak(target)

    def test_error_behind_the_handshake(self):
        self.speak("/raise")
        self.worker.wait_log("RuntimeError: behind the handshake")

    def test_left_alone(self):
        for target, body in (("/environ", b"(True, True)"), ("/look", b"left alone")):
            ours = self.upgrade(target)
            self.assertEqual(self.wire.answer().body, body)
            self.assertEqual(ours.recv(100), b"")

    def test_too_late(self):
        self.upgrade("/late")
        self.assertEqual(self.wire.answer().body, b"begun, the response has begun: the socket can no longer be had")

    def test_no_descriptor_is_left(self):
        before = self.worker.descriptors()
        for _ in range(10):
            self.speak("/")
            self.upgrade("/look")
            self.wire.answer()
        self.worker.wait_descriptors(before + 3)

    def test_an_ordinary_request_has_none(self):
        self.assertEqual(self.body("/look"), b"left alone")


class Client(socket.socket):
    """A socket as the application gets it."""


class Taken(unittest.TestCase):
    """A thread of the application's takes the socket as its request ends."""

    def offered(self, accept):
        near, far = socket.socketpair()
        self.addCleanup(far.close)
        return Upgrade(Client(fileno=near.detach()), accept)

    def test_the_end_waits_for_the_word_of_it(self):
        """Or the front would hear END before ACCEPT."""
        told = []
        upgrade = self.offered(lambda: told.append(upgrade.lock.locked() and not upgrade.taken))
        upgrade.take()
        upgrade.take()
        self.assertIs(upgrade.end(), True)
        self.assertEqual(told, [True])

    def test_refused(self):
        def accept():
            raise OSError("too late")

        upgrade = self.offered(accept)
        self.assertRaises(OSError, upgrade.take)
        self.assertIs(upgrade.end(), False)


class Sync(Upgrades, ServedCase):
    application = "raw:app"


class GThread(Upgrades, ServedCase):
    application = "raw:app"
    options = ("--class=gthread", "--threads=4")


if sys.implementation.name == "cpython":

    class Gevent(Upgrades, ServedCase):
        application = "raw:app"
        options = ("--class=gevent",)

    class Eventlet(Upgrades, ServedCase):
        application = "raw:app"
        options = ("--class=eventlet",)


class Time(WorkerCase):

    def test_no_limit_behind_the_handshake(self):
        worker = self.start("raw:app", "--timeout=0.3", notify=True)
        case = Sync("test_spoken")
        case.worker, case.wire = worker, worker.connect()
        ours = case.upgrade("/")
        self.assertEqual(case.wire.expect(RESPONSE)[1], ACCEPT)
        self.assertTrue(case.wire.quiet(1))
        ours.sendall(b"hello")
        self.assertEqual(case.wire.expect(RESPONSE)[1], END)
        case.doCleanups()
