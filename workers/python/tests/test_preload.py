"""--preload: a parent that forks."""

import os
import signal
import sys
import time
import unittest

from kirin_worker.brood import ALIVE, DRAINED, NEVER, READY, TRIGGER, UNUSED, Child, fate
from tests.case import WorkerCase
from tests.front import PATIENCE, STATUS, Gone

PYPY = sys.implementation.name == "pypy"


def alive(pid):
    """Whether a process is there, and no zombie."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Watch(unittest.TestCase):
    """The step function."""

    def test_a_child_is_watched_from_ready_on(self):
        child = Child(1, -1, 3.0)
        self.assertEqual((child.due, child.tick(100.0)), (NEVER, 0))
        self.assertEqual(child.hear(READY, 100.0), 0)
        self.assertEqual(child.due, 103.0)
        self.assertEqual(child.hear(ALIVE + ALIVE, 102.0), 0)
        self.assertEqual(child.tick(104.9), 0)
        self.assertEqual(child.tick(105.0), signal.SIGABRT)
        self.assertEqual(child.hear(ALIVE + TRIGGER, 105.1), 0)       # too late
        self.assertEqual(child.tick(109.9), 0)
        self.assertEqual(child.tick(110.0), signal.SIGKILL)
        self.assertEqual(child.due, NEVER)

    def test_trigger(self):
        child = Child(1, -1, 3.0)
        self.assertEqual(child.hear(READY + TRIGGER, 1.0), signal.SIGABRT)
        self.assertEqual(child.tick(6.0), signal.SIGKILL)

    def test_without_a_limit(self):
        child = Child(1, -1, 0.0)
        self.assertEqual(child.hear(READY + ALIVE, 1.0), 0)
        self.assertEqual(child.due, NEVER)
        self.assertEqual(child.hear(TRIGGER, 1.0), signal.SIGABRT)

    def test_how_it_goes(self):
        for letter in (DRAINED, UNUSED):
            child = Child(1, -1, 3.0)
            child.hear(READY + letter, 1.0)
            self.assertEqual(child.left, letter)

    def test_fate(self):
        self.assertEqual(fate(0), "")
        self.assertEqual(fate(3 << 8), "exit status 3")
        self.assertEqual(fate(9), "killed by SIGKILL")


class Preload(WorkerCase):
    """Each connection has a process of its own, and none of them imports anything."""

    classes = [("--class=sync",), ("--class=gthread", "--threads=4"), ("--class=asgi", "--asgi-loop=asyncio")]
    if not PYPY:
        classes += [("--class=gevent",), ("--class=eventlet",), ("--class=asgi", "--asgi-loop=uvloop")]

    def parent(self, *options, application="warm:app", **settings):
        return self.start(application, "--preload", *options, **settings)

    def who(self, wire):
        return tuple(map(int, wire.get("/who").body.split()))

    def test_every_class(self):
        for options in self.classes:
            with self.subTest(options):
                application = "warm:asgi" if "--class=asgi" in options else "warm:app"
                worker = self.parent(*options, application=application)
                wires = [worker.connect() for _ in range(3)]
                found = [self.who(wire) for wire in wires]
                self.assertEqual([born for born, _ in found], [worker.process.pid] * 3)
                self.assertEqual([pid for _, pid in found], [wire.hello["pid"] for wire in wires])
                self.assertEqual(len(set(found)), 3)
                self.assertEqual(len({wire.hello["started"] for wire in wires}), 1)
                for wire in wires:
                    wire.drain()
                    self.assertTrue(wire.ended())
                self.assertEqual(worker.wait(), 0)
                self.assertNotIn("Traceback", worker.log())

    def test_ready_after_the_import(self):
        worker = self.parent()
        worker.notified("READY=1")
        self.assertEqual(self.who(worker.connect())[0], worker.process.pid)

    def test_a_child_that_dies_comes_back(self):
        worker = self.parent()
        first, second = worker.connect(), worker.connect()
        os.kill(first.hello["pid"], signal.SIGKILL)
        self.assertRaises((Gone, ConnectionResetError), first.read)
        worker.wait_log("worker (pid %d) ended: killed by SIGKILL" % first.hello["pid"])
        third = worker.connect()
        self.assertEqual(self.who(third), (worker.process.pid, third.hello["pid"]))
        self.assertEqual(self.who(second), (worker.process.pid, second.hello["pid"]))

    def test_the_last_one_that_dies_leaves_the_parent(self):
        worker = self.parent()
        wire = worker.connect()
        os.kill(wire.hello["pid"], signal.SIGKILL)
        worker.wait_log("ended: killed by SIGKILL")
        wire = worker.connect()
        wire.close()                    # a front that is gone
        self.assertEqual(self.who(worker.connect())[0], worker.process.pid)

    def test_the_parent_waits_a_moment_for_the_next(self):
        """With one worker and no surge, the one to be replaced goes first."""
        worker = self.parent()
        for _ in range(3):
            wire = worker.connect()
            self.assertEqual(self.who(wire)[0], worker.process.pid)
            wire.drain()
            self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)

    def test_workers_that_are_sent_away_unused_do_not_keep_it(self):
        worker = self.parent()
        wire = worker.connect()
        self.who(wire)
        wire.drain()
        begun = time.monotonic()
        while worker.process.poll() is None:
            self.assertLess(time.monotonic() - begun, PATIENCE)
            try:
                wire = worker.connect()
            except (OSError, Gone):
                continue
            wire.drain()
            wire.ended()
        self.assertEqual(worker.wait(), 0)

    def test_a_child_over_its_time(self):
        """It is ended with its stack; the others do not notice."""
        worker = self.parent("--timeout=1.5", env={"WATCHDOG_USEC": "3000000"})
        hung, other = worker.connect(), worker.connect()
        ident = hung.request("/hang?60")
        self.assertEqual(hung.expect(STATUS), {"overtime": [ident]})
        self.assertTrue(hung.ended())
        log = worker.wait_log("worker (pid %d) ended: killed by SIGABRT" % hung.hello["pid"])
        self.assertRegex(log, r'warm.py", line \d+,? in app')
        self.assertEqual(self.who(other)[1], other.hello["pid"])
        self.assertEqual(self.who(worker.connect())[0], worker.process.pid)

    if not PYPY:    # whose ctypes lets go of the lock that nobody else is to have

        def test_a_child_that_cannot_speak(self):
            """One whose threads do not run says nothing, and its parent misses that."""
            worker = self.parent("--timeout=1.5", env={"WATCHDOG_USEC": "3000000"})
            hung, other = worker.connect(), worker.connect()
            hung.request("/stuck")
            self.assertTrue(hung.ended())
            log = worker.wait_log("worker (pid %d) ended: killed by SIGABRT" % hung.hello["pid"])
            self.assertIn("worker (pid %d): time-out: aborting it" % hung.hello["pid"], log)
            self.assertRegex(log, r'warm.py", line \d+,? in app')
            self.assertEqual(self.who(other)[1], other.hello["pid"])

    def test_term(self):
        """Children finish what they have; then the parent goes, too."""
        worker = self.parent()
        wires = [worker.connect() for _ in range(2)]
        ident = wires[0].request("/hang?0.3")
        worker.kill(signal.SIGTERM)
        for wire in wires:
            self.assertEqual(wire.expect(STATUS), {"stopping": "SIGTERM"})
            wire.drain()
        self.assertEqual(wires[0].answer(ident).status, "200 OK")
        self.assertEqual(worker.wait(), 0)
        self.assertFalse(any(alive(wire.hello["pid"]) for wire in wires))

    def test_quit(self):
        for number in (signal.SIGINT, signal.SIGQUIT):
            worker = self.parent()
            wires = [worker.connect() for _ in range(2)]
            wires[0].request("/hang?60")
            worker.kill(number)
            self.assertEqual(worker.wait(), 0)
            self.assertFalse(any(alive(wire.hello["pid"]) for wire in wires))

    def test_graceful_timeout(self):
        worker = self.parent("--graceful-timeout=0.3")
        wire = worker.connect()
        wire.request("/hang?60")
        worker.kill(signal.SIGTERM)
        self.assertEqual(worker.wait(), 0)
        self.assertIn("the graceful time-out (0.3 s) is over", worker.log())

    def test_a_child_outlives_its_parent(self):
        worker = self.parent()
        wire = worker.connect()
        worker.kill(signal.SIGKILL)
        worker.wait()
        self.assertEqual(self.who(wire), (worker.process.pid, wire.hello["pid"]))
        wire.drain()
        self.assertTrue(wire.ended())

    def test_an_application_that_cannot_be_loaded(self):
        """Everybody who waits for a worker is told."""
        worker = self.parent(application="no_such_module:app")
        hello = worker.connect().hello
        self.assertEqual(hello["exit"], 4)
        self.assertIn("no_such_module", hello["error"])
        self.assertEqual(worker.wait(), 4)

    def test_retirement_is_each_child_s_own(self):
        worker = self.parent("--max-requests=3")
        wires = [worker.connect() for _ in range(2)]
        for _ in range(3):
            self.who(wires[0])
        self.assertEqual(wires[0].expect(STATUS), {"retire": "max_requests"})
        self.assertTrue(wires[1].quiet())

    def test_a_child_s_own_children_do_not_hold_its_pipe(self):
        worker = self.start("forks:app", "--preload")
        wire = worker.connect()
        pid = int(wire.get("/sleeper").body)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        wire.drain()
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)
