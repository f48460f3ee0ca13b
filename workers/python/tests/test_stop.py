"""Signals, and the ways to the end."""

import os
import signal
import socket
import sys
import unittest
from _thread import allocate_lock
from types import SimpleNamespace

from kirin_worker.server import Server
from kirin_worker.wire import HEADER
from tests.case import Gate, WorkerCase
from tests.front import HELLO, STATUS, Gone


# A worker that has all the time it needs to unwind behind SIGINT.
PATIENT = """
import sys
from kirin_worker import main, watch
watch.QUICK = 600
sys.exit(main.main(sys.argv[1:]))
"""


class Term(WorkerCase):
    """SIGTERM: STATUS stopping, finish, exit 0."""

    def test_idle_without_a_front(self):
        worker = self.start()
        worker.notified("READY=1")
        worker.kill()
        self.assertEqual(worker.wait(), 0)

    def test_idle_with_a_front(self):
        worker, wire = self.served()
        worker.kill()
        self.assertEqual(wire.expect(STATUS), {"stopping": "SIGTERM"})
        self.assertEqual(wire.get("/tuple_").body, b"one two")      # until the front says DRAIN
        wire.drain()
        self.assertEqual(worker.wait(), 0)

    def test_in_a_request(self):
        for options in ((), ("--class=gthread", "--threads=2")):
            with self.subTest(options):
                worker, wire = self.served("slow:app", *options)
                gate = Gate(self)
                ident = wire.request("/until?" + gate.path)
                gate.reached()
                worker.kill()
                self.assertEqual(wire.expect(STATUS), {"stopping": "SIGTERM"})      # while the request runs
                wire.drain()
                gate.open()
                self.assertEqual(wire.answer(ident).body, b"/until")
                self.assertEqual(worker.wait(), 0)
                self.assertNotIn("graceful", worker.log())

    def test_every_front_is_told_once(self):
        worker, wire = self.served()
        other = worker.connect()
        worker.kill()
        worker.kill()
        for each in (wire, other):
            self.assertEqual(each.expect(STATUS), {"stopping": "SIGTERM"})
            each.drain()
            self.assertTrue(each.ended())
            self.assertEqual(each.inbox, [])
        self.assertEqual(worker.wait(), 0)

    def test_graceful_timeout(self):
        for options in ((), ("--class=gthread", "--threads=2")):
            with self.subTest(options):
                worker, wire = self.served("slow:app", "--graceful-timeout=0.3", *options)
                gate = Gate(self)
                wire.request("/until?" + gate.path)
                gate.reached()
                worker.kill()
                self.assertEqual(worker.wait(), 0)
                self.assertIn("the graceful time-out (0.3 s) is over: ended with 1 requests", worker.log())

    def test_a_front_that_does_not_answer(self):
        worker, _ = self.served("pep:app", "--graceful-timeout=0.3")
        worker.kill()
        self.assertEqual(worker.wait(), 0)


class Race(unittest.TestCase):
    """The watching thread announces the end while the main thread takes a front's connection up."""

    def frames(self, server):
        """The types of what a front gets that connects to ``server``. STATUS has the reason."""
        near, far = socket.socketpair(socket.AF_UNIX)
        conn = server.adopt(near)
        conn.close()
        with far:
            data = b"".join(iter(lambda: far.recv(1 << 16), b""))
        types = []
        while data:
            size, kind, _, _ = HEADER.unpack_from(data)
            types.append(kind)
            if kind == STATUS:
                self.assertIn(b"SIGTERM", data[8:8 + size])
            data = data[8 + size:]
        return types

    def test_before(self):
        server = Adopting()
        server.announce_stop("SIGTERM")
        self.assertEqual(self.frames(server), [HELLO, STATUS])

    def test_meanwhile(self):
        server = Adopting()
        server.entered = lambda: server.announce_stop("SIGTERM")
        types = self.frames(server)
        self.assertEqual((types[0], set(types[1:])), (HELLO, {STATUS}))


class Adopting(Server):
    """A server without a process of its own. ``entered`` is called when a connection becomes known."""

    def __init__(self):
        self.options = SimpleNamespace(kind="sync")
        self.connections = Known(self)
        self.announced = allocate_lock()
        self.ending = ""
        self.signals = SimpleNamespace(wake=lambda: None)
        self.entered = lambda: None

    def attach(self, fd):
        pass


class Known(dict):
    def __init__(self, server):
        dict.__init__(self)
        self.server = server

    def __setitem__(self, fd, conn):
        dict.__setitem__(self, fd, conn)
        self.server.entered()


class Quick(WorkerCase):
    """SIGINT and SIGQUIT: exit at once, status 0."""

    def test_idle(self):
        for number in (signal.SIGINT, signal.SIGQUIT):
            worker, wire = self.served()
            worker.kill(number)
            self.assertEqual(worker.wait(), 0)
            self.assertNotIn("Traceback", worker.log())

    def test_in_a_request(self):
        for options in ((), ("--class=gthread", "--threads=2")):
            with self.subTest(options):
                worker, wire = self.served("slow:app", *options)
                gate = Gate(self)
                wire.request("/until?" + gate.path)
                gate.reached()
                worker.kill(signal.SIGQUIT)
                self.assertEqual(worker.wait(), 0)
                self.assertNotIn("Traceback", worker.log())

    def test_request_that_catches_everything(self):
        worker, wire = self.served("stubborn:app")
        wire.request("/")
        worker.wait_log("caught nothing yet")
        worker.kill(signal.SIGINT)
        self.assertEqual(worker.wait(), 0)
        self.assertIn("caught Quit", worker.log())

    def test_atexit_runs(self):
        worker, wire = self.served("stubborn:app", command=["-c", PATIENT])
        worker.kill(signal.SIGINT)
        self.assertEqual(worker.wait(), 0)
        self.assertIn("atexit ran", worker.log())


class Others(WorkerCase):

    def test_usr1_does_nothing(self):
        worker, wire = self.served("slow:app")
        worker.kill(signal.SIGUSR1)
        gate = Gate(self)
        ident = wire.request("/until?" + gate.path)
        gate.reached()
        worker.kill(signal.SIGUSR1)
        gate.open()
        self.assertEqual(wire.answer(ident).body, b"/until")
        self.assertEqual(wire.inbox, [])

    def test_abrt_shows_where_the_code_stands(self):
        worker, wire = self.served("slow:app")
        gate = Gate(self)
        wire.request("/until?" + gate.path)
        gate.reached()
        worker.kill(signal.SIGABRT)
        self.assertEqual(worker.wait(), -signal.SIGABRT)
        self.assertRegex(worker.log(), r'slow.py", line \d+,? in app')

    def test_a_thread_that_does_not_end(self):
        """A thread of the application's, not a daemon, would hold the process for ever."""
        worker, wire = self.served("stubborn:thread", "--graceful-timeout=0.3")
        wire.get("/")
        wire.drain()
        self.assertEqual(worker.wait(), 0)


class Children(WorkerCase):
    """Processes that the application forks."""

    def test_child_does_not_hold_the_connection(self):
        worker, wire = self.served("forks:app")
        pid = int(wire.get("/sleeper").body)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        worker.process.kill()
        self.assertRaises((Gone, ConnectionResetError), wire.read)

    def test_child_of_a_library_does_not_hold_the_connection_either(self):
        worker, wire = self.served("forks:app")
        pid = int(wire.get("/hidden").body)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        wire.drain()
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)

    def test_child_dies_of_term(self):
        classes = [()]
        if sys.implementation.name != "pypy":   # which cannot set a handler in a child of a thread
            classes.append(("--class=gthread", "--threads=2"))
        for options in classes:
            with self.subTest(options):
                worker, wire = self.served("forks:app", *options)
                for _ in range(10):
                    wire.get("/sleeper")
                    self.assertEqual(wire.get("/terminate").body, b"-15")

    def test_child_that_comes_back_does_not_answer(self):
        worker, wire = self.served("forks:app")
        self.assertEqual(wire.get("/returns").body, b"parent")
        self.assertEqual(wire.get("/waits").body, b"0")
        self.assertEqual(wire.inbox, [])

    def test_child_does_not_hold_a_stream(self):
        worker, wire = self.served("forks:app")
        response = wire.get("/stream")
        self.assertEqual((response.body, response.whole), (b"firstsecond", True))

    def test_child_adds_nothing_to_a_stream(self):
        for options in ((), ("--class=gthread", "--threads=2")):
            worker, wire = self.served("forks:app", *options)
            response = wire.get("/shared")
            self.assertEqual((response.body, response.whole), (b"firstsecond", True))

    def test_multiprocessing(self):
        for method in ("fork", "spawn"):
            worker, wire = self.served("forks:app")
            self.assertEqual(wire.get("/pool?" + method).body, b"[0, 1, 4, 9]")

    def test_environment_is_clean(self):
        worker, wire = self.served("forks:app")
        self.assertEqual(wire.get("/environment").body, b"")


class Retire(WorkerCase):
    """--max-requests."""

    def test_once_and_goes_on(self):
        for options in ((), ("--class=gthread", "--threads=2")):
            with self.subTest(options):
                worker, wire = self.served("pep:app", "--max-requests=3", *options)
                for _ in range(2):
                    wire.get("/tuple_")
                self.assertTrue(wire.quiet())
                for _ in range(5):
                    wire.get("/tuple_")
                self.assertEqual(wire.expect(STATUS), {"retire": "max_requests"})
                self.assertTrue(wire.quiet())
                wire.drain()
                self.assertEqual(worker.wait(), 0)

    def test_jitter(self):
        worker, wire = self.served("pep:app", "--max-requests=5", "--max-requests-jitter=5")
        count = 0
        while not wire.inbox and count <= 10:       # it asks before it answers
            wire.get("/tuple_")
            count += 1
        self.assertLessEqual(5, count)
        self.assertLessEqual(count, 10)
