"""The gthread class."""

import threading

from tests.case import Gate, ServedCase
from tests.front import CANCEL, RESPONSE


class GThread(ServedCase):

    options = ("--class=gthread", "--threads=4", "--workers=3")

    def test_hello(self):
        self.assertEqual((self.wire.hello["class"], self.wire.hello["slots"]), ("gthread", 4))

    def test_environ(self):
        lines = self.body("/dump").decode().split("\n")
        for line in ("wsgi.multithread=True", "wsgi.multiprocess=True", "wsgi.run_once=False"):
            self.assertIn(line, lines)

    def test_at_once(self):
        gates = [Gate(self) for _ in range(4)]
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

    def test_threads_are_started_as_needed(self):
        worker = self.worker
        fresh = type(worker)("pep:app", *self.options)
        self.addCleanup(fresh.close)
        wire = fresh.connect()
        few = self.threads(fresh)
        for _ in range(10):
            wire.get("/tuple_")
        self.assertEqual(self.threads(fresh), few + 1)
        gates = [Gate(self) for _ in range(4)]
        wire.batch(["/until?" + gate.path for gate in gates])
        for gate in gates:
            gate.reached()
        self.assertEqual(self.threads(fresh), few + 4)

    def threads(self, worker):
        with open("/proc/%d/status" % worker.process.pid) as status:
            return int(next(line for line in status if line.startswith("Threads:")).split()[1])

    def test_everything_under_load(self):
        """Several fronts, bodies of every kind, each answered to whom it belongs."""
        problems = []

        def client(number):
            wire = self.worker.connect()
            try:
                for turn in range(40):
                    size = number * 1000 + turn
                    for target, wanted in [("/large?%d" % size, size),
                                           ("/large?%d" % (size + 70000), size + 70000),
                                           ("/stream?3,%d" % size, 3 * size), ("/several", 13)]:
                        response = wire.get(target)
                        if len(response.body) != wanted or response.whole is False:
                            problems.append((target, len(response.body)))
                    body = b"%d" % number * turn
                    if wire.answer(wire.spooled("/echo", body)).body != body:
                        problems.append("echo")
            except BaseException as error:
                problems.append(repr(error))

        threads = [threading.Thread(target=client, args=(number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])

    def test_called_back_before_a_thread_had_time(self):
        """More than slots can only come from two fronts at once."""
        other = self.worker.connect()
        gates = [Gate(self) for _ in range(4)]
        busy = other.batch(["/until?" + gate.path for gate in gates])
        for gate in gates:
            gate.reached()
        ident = self.wire.request("/tuple_")
        self.wire.send(CANCEL, [ident])
        self.worker.connect()       # what was sent before is read
        for gate in gates:
            gate.open()
        found = [other.answer().ident for _ in busy]
        self.assertEqual(sorted(found), busy)
        self.assertEqual(self.wire.expect(RESPONSE)[:2], (ident, 4))

    def test_exceptions_are_each_request_s_own(self):
        idents = self.wire.batch(["/raises", "/tuple_", "/exits", "/several"])
        answers = {}
        for _ in idents:
            response = self.wire.answer()
            answers[response.ident] = response.status[:3]
        self.assertEqual([answers[ident] for ident in idents], ["500", "200", "500", "200"])


class One(ServedCase):

    options = ("--class=gthread", "--threads=1")

    def test_one_thread(self):
        idents = self.wire.batch(["/tuple_"] * 50)
        self.assertEqual([self.wire.answer().ident for _ in idents], idents)
