"""The gevent and eventlet classes. Debian has neither for PyPy."""

import sys
import time
import unittest

from tests.case import Gate, ServedCase, WorkerCase
from tests.front import CANCEL, DRAIN, PATIENCE, STATUS


class Green:
    """What both do."""

    kind = ""

    @classmethod
    def setUpClass(cls):
        cls.options = ("--class=" + cls.kind, "--worker-connections=100")
        super().setUpClass()

    def test_hello(self):
        hello = self.wire.hello
        self.assertEqual((hello["class"], hello["interface"]), (self.kind, "wsgi"))
        self.assertEqual((hello["slots"], hello["timed"]), (100, False))

    def test_environ(self):
        self.assertIn("wsgi.multithread=True", self.body("/dump").decode().split("\n"))

    def test_at_once(self):
        """The application's time.sleep() lets others work."""
        gates = [Gate(self) for _ in range(50)]
        idents = self.wire.batch(["/until?" + gate.path for gate in gates])
        for gate in gates:
            gate.reached()
        for gate in gates:
            gate.open()
        self.assertEqual(sorted(self.wire.answer().ident for _ in idents), idents)

    def test_each_response_comes_when_it_is_ready(self):
        first, second = Gate(self), Gate(self)
        idents = self.wire.batch(["/until?" + first.path, "/until?" + second.path, "/tuple_"])
        self.wire.answer(idents[2])
        second.open()
        self.wire.answer(idents[1])
        first.open()
        self.wire.answer(idents[0])

    def test_a_client_that_does_not_read_holds_nobody_up(self):
        slow = self.wire.answer(self.wire.request("/stream?100,100000"), read_stream=False)
        self.assertEqual(self.body("/tuple_"), self.body("/tuple_"))
        self.assertTrue(self.wire.finish(slow) is None and slow.whole)
        self.assertEqual(len(slow.body), 100 * 100000)

    def test_bodies(self):
        for size in (0, 1000, 70000):
            self.assertEqual(len(self.body("/large?%d" % size)), size)
            self.assertEqual(self.wire.answer(self.wire.spooled("/echo", b"x" * size)).body, b"x" * size)

    def test_error(self):
        self.fails("/raises", "Error")


class Alone:
    """A request meets nothing that another one has left on its green thread."""

    application = "green_app:app"
    kind = ""

    @classmethod
    def setUpClass(cls):
        cls.options = ("--class=" + cls.kind, "--worker-connections=100")
        super().setUpClass()

    def all(self, *targets):
        idents = self.wire.batch(targets)
        answers = [self.wire.answer() for _ in idents]
        found = {answer.ident: answer.body.decode() for answer in answers}
        self.assertEqual({answer.status for answer in answers}, {"200 OK"}, self.worker.log())
        return [found[ident] for ident in idents]

    def test_nothing_stays(self):
        for path, nothing in (("local", "None"), ("attribute", "None"), ("var", "nothing"), ("keep", "False")):
            with self.subTest(path):
                self.assertEqual(self.all(*["/%s?%d" % (path, n) for n in range(4)]), [nothing] * 4)
                self.assertEqual(self.all("/%s?4" % path), [nothing])

    def test_context_of_one_that_waits(self):
        self.assertEqual(self.all("/var?a", "/sleep?0.01", "/sleep?0.02", "/var?b"),
                         ["nothing", "nothing 0.01", "nothing 0.02", "nothing"])

    def test_end(self):
        self.all("/link")
        end, found = time.monotonic() + PATIENCE, ""
        while "ended" not in found:
            self.assertLess(time.monotonic(), end)
            found = self.all("/log")[0]

    def test_late_exception(self):
        """It is for a request that is over."""
        self.all("/late?" + self.kind, "/var?a")
        self.assertEqual(self.all("/sleep?0.2", "/sleep?0.2"), ["nothing 0.2"] * 2)


class Ends:
    """How both end."""

    kind = ""

    def start(self, application="pep:app", *options, **settings):
        return WorkerCase.start(self, application, "--class=" + self.kind, *options, **settings)

    def test_drain(self):
        worker, wire = self.served()
        ident = wire.request("/sleep?0.3")
        wire.send(DRAIN, None)
        self.assertEqual(wire.answer(ident).status, "200 OK")
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)

    def test_drain_of_an_idle_worker(self):
        worker, wire = self.served()
        wire.get("/tuple_")
        wire.send(DRAIN, None)
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)

    def test_terminate(self):
        worker, wire = self.served()
        ident = wire.request("/sleep?0.3")
        worker.kill()
        self.assertIn("stopping", wire.expect(STATUS))
        wire.send(DRAIN, None)
        self.assertEqual(wire.answer(ident).status, "200 OK")
        self.assertEqual(worker.wait(), 0)

    def test_interrupt(self):
        worker, wire = self.served()
        wire.request("/sleep?60")
        wire.get("/tuple_")
        worker.kill(2)
        self.assertEqual(worker.wait(), 0)
        self.assertNotIn("Traceback", worker.log())

    def test_blocked_hub(self):
        worker, wire = self.served("slow:app", "--timeout=1", notify=True)
        wire.request("/sleep?600")
        ident = wire.request("/spin?600")
        self.assertEqual(wire.expect(STATUS), {"overtime": [ident]})
        worker.notified("WATCHDOG=trigger")
        worker.kill(6)
        self.assertEqual(worker.wait(), -6)
        log = worker.wait_log("slow.py")
        self.assertIn("the event loop has stood still for 1 s: GET /spin?600", log)
        self.assertRegex(log, r"green threads stand\n(.*\n)*.*\(GET /sleep\?600\)\n(.*\n)*.*time.sleep\(float")

    def test_a_slow_request_is_not_over_its_time(self):
        _, wire = self.served("slow:app", "--timeout=0.2")
        self.assertEqual(wire.get("/sleep?0.7").status, "200 OK")

    def test_given_up_by_the_front(self):
        """CANCEL of a request that the front has answered for ends it; of one whose client is gone it does not."""
        worker, wire = self.served("slow:app", "--request-timeout=3")
        late = wire.request("/sleep?600")
        gate = Gate(self)
        gone = wire.request("/until?" + gate.path)
        gate.reached()
        wire.send(CANCEL, [gone])
        self.assertTrue(wire.quiet(3))
        wire.send(CANCEL, [late])
        self.assertEqual(wire.answer(late).status, "500 Internal Server Error")
        gate.open()
        self.assertEqual(wire.answer(gone).status, "200 OK")
        log = worker.wait_log("over its time (request_timeout, 3 s): cancelled")
        self.assertIn("time.sleep(float", log)


if sys.implementation.name == "cpython":

    class Gevent(Green, ServedCase):
        kind = "gevent"

    class GeventAlone(Alone, ServedCase):
        kind = "gevent"

    class GeventEnds(Ends, WorkerCase):
        kind = "gevent"

    class Eventlet(Green, ServedCase):
        kind = "eventlet"

    class EventletAlone(Alone, ServedCase):
        kind = "eventlet"

    class EventletEnds(Ends, WorkerCase):
        kind = "eventlet"


class Missing(unittest.TestCase):

    def test_what_to_install(self):
        from kirin_worker import green_kits
        from kirin_worker.errors import WorkerError
        gevent = sys.modules.get("gevent")
        sys.modules["gevent"] = None
        try:
            with self.assertRaisesRegex(WorkerError, "gevent wants gevent, which cannot be imported"):
                green_kits.patch("gevent")
        finally:
            if gevent is None:
                del sys.modules["gevent"]
            else:
                sys.modules["gevent"] = gevent
