"""Time limits and the watchdog."""

import signal
import time

from tests.case import Gate, WorkerCase
from tests.front import STATUS


class Sync(WorkerCase):
    """One slot: the process goes as soon as the request is over its time."""

    def overtime(self, target, **settings):
        worker, wire = self.served("slow:app", "--timeout=1", **settings)
        wire.get("/quick")
        begun = time.monotonic()
        ident = wire.request(target)
        self.assertEqual(wire.expect(STATUS), {"overtime": [ident]})
        self.assertLess(0.99, time.monotonic() - begun)
        return worker

    def test_with_a_supervisor(self):
        for target in ("/sleep?600", "/spin?600"):
            with self.subTest(target):
                worker = self.overtime(target)
                worker.notified("WATCHDOG=trigger")
                worker.kill(signal.SIGABRT)         # as systemd does
                self.assertEqual(worker.wait(), -signal.SIGABRT)
                self.assertIn("[CRITICAL] request over its time (1 s): GET " + target, worker.log())
                self.assertRegex(worker.log(), r'slow.py", line \d+,? in app')

    def test_without_a_supervisor(self):
        worker = self.overtime("/sleep?600", notify=False)
        self.assertEqual(worker.wait(), -signal.SIGABRT)
        self.assertRegex(worker.log(), r'slow.py", line \d+,? in app')

    def test_in_time(self):
        worker, wire = self.served("slow:app", "--timeout=2")
        for _ in range(4):
            self.assertEqual(wire.get("/sleep?0.6").body, b"/sleep")
        time.sleep(2.1)         # idle time does not count
        self.assertEqual(wire.get("/sleep?0.1").body, b"/sleep")
        self.assertEqual(wire.inbox, [])

    def test_no_limit(self):
        worker, wire = self.served("slow:app", "--timeout=0")
        self.assertEqual(wire.get("/sleep?0.7").body, b"/sleep")


class Streams(WorkerCase):
    """The clock stands still while a client holds up a write, and begins anew with each block."""

    def test_slow_client(self):
        worker, wire = self.served("pep:app", "--timeout=1.5")
        ident = wire.request("/stream?30,100000")
        response = wire.answer(ident, read_stream=False)
        time.sleep(3)
        wire.finish(response)
        self.assertEqual((len(response.body), response.whole), (3000000, True))
        self.assertEqual(wire.inbox, [])

    def test_slow_but_steady_application(self):
        worker, wire = self.served("slow:trickle", "--timeout=2")
        response = wire.get("/?0.6,0.6,0.6,0.6")
        self.assertEqual((response.body, response.whole), (b"....", True))
        self.assertEqual(wire.inbox, [])

    def test_stuck_between_blocks(self):
        for pauses in ("600", "0,600", "0,0.1,600"):
            with self.subTest(pauses):
                worker, wire = self.served("slow:trickle", "--timeout=0.3")
                ident = wire.request("/?" + pauses)
                self.assertEqual(wire.expect(STATUS), {"overtime": [ident]})
                worker.notified("WATCHDOG=trigger")


class GThread(WorkerCase):
    """Several slots: no innocent request dies."""

    def test_others_finish_first(self):
        worker, wire = self.served("slow:app", "--class=gthread", "--threads=4", "--timeout=3",
                                   env={"WATCHDOG_USEC": "150000"})
        stuck = wire.request("/sleep?600")
        time.sleep(1.5)         # so that it has half of its time left when the other one has none
        gate = Gate(self)
        good = wire.request("/until?" + gate.path)
        self.assertEqual(wire.expect(STATUS), {"overtime": [stuck]})
        self.assertEqual(wire.expect(STATUS), {"stopping": "a request is over its time"})
        worker.notified_so_far()
        worker.notified("WATCHDOG=1")
        self.assertEqual(set(worker.notified_so_far()) - {"WATCHDOG=1"}, set())     # not aborted, and alive
        gate.open()
        self.assertEqual(wire.answer(good).body, b"/until")
        worker.notified("WATCHDOG=trigger")
        self.assertIsNone(worker.process.poll())
        worker.kill(signal.SIGABRT)
        self.assertEqual(worker.wait(), -signal.SIGABRT)
        self.assertRegex(worker.log(), r'slow.py", line \d+,? in app')

    def test_graceful_timeout_bounds_it(self):
        worker, wire = self.served("slow:app", "--class=gthread", "--threads=4", "--timeout=3",
                                   "--graceful-timeout=0.3", notify=False)
        stuck = wire.request("/sleep?600")
        time.sleep(2)
        wire.request("/sleep?600")
        self.assertEqual(wire.expect(STATUS), {"overtime": [stuck]})
        self.assertEqual(worker.wait(), -signal.SIGABRT, worker.log())
        self.assertTrue(wire.ended())
        # The other one's time was not waited for.
        self.assertEqual([value for kind, value in wire.inbox if "overtime" in value], [])

    def test_several_stuck(self):
        worker, wire = self.served("slow:app", "--class=gthread", "--threads=4", "--timeout=0.4",
                                   notify=False)
        idents = wire.batch(["/sleep?600"] * 3)
        seen = []
        while len(seen) < 3:
            seen += wire.expect(STATUS).get("overtime", [])
        self.assertEqual(sorted(seen), idents)
        self.assertEqual(worker.wait(), -signal.SIGABRT)

    def test_one_that_comes_back(self):
        """It was late, and 504 was the answer, but there is nothing to abort any more."""
        worker, wire = self.served("slow:app", "--class=gthread", "--threads=2", "--timeout=3")
        gates = Gate(self), Gate(self)
        late = wire.request("/until?" + gates[0].path)
        time.sleep(1.5)
        good = wire.request("/until?" + gates[1].path)
        self.assertEqual(wire.expect(STATUS), {"overtime": [late]})
        wire.drain()
        for gate in gates:
            gate.open()
        self.assertEqual(sorted(wire.answer().ident for _ in range(2)), [late, good])
        self.assertEqual(worker.wait(), 0)


class Pings(WorkerCase):
    """WATCHDOG=1."""

    def test_often_enough(self):
        worker, wire = self.served("slow:app", env={"WATCHDOG_USEC": "2000000"})
        worker.notified("WATCHDOG=1")
        begun = time.monotonic()
        for _ in range(3):
            worker.notified("WATCHDOG=1")
        self.assertLess(time.monotonic() - begun, 3 * 2)
        gate = Gate(self)
        ident = wire.request("/spin_until?" + gate.path)        # busy is not stuck
        gate.reached()
        for _ in range(3):
            worker.notified("WATCHDOG=1")
        gate.open()
        wire.answer(ident)

    def test_of_another_process(self):
        worker, wire = self.served("slow:app", env={"WATCHDOG_USEC": "30000", "WATCHDOG_PID": "1"})
        worker.notified("READY=1")
        worker.notify.settimeout(0.3)
        self.assertRaises(OSError, worker.notify.recv, 100)

    def test_a_manager_that_is_busy_does_not_stop_the_watch(self):
        """The queue of a datagram socket is short (net.unix.max_dgram_qlen)."""
        worker, wire = self.served("slow:app", "--timeout=1", env={"WATCHDOG_USEC": "30000"})
        ident = wire.request("/sleep?600")
        self.assertEqual(wire.expect(STATUS), {"overtime": [ident]})

    def test_none_after_overtime(self):
        worker, wire = self.served("slow:app", "--timeout=0.3", env={"WATCHDOG_USEC": "300000"})
        wire.request("/sleep?30")
        worker.notified("WATCHDOG=trigger")
        worker.notify.settimeout(0.5)
        self.assertRaises(OSError, worker.notify.recv, 100)
