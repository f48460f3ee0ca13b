"""Workers that become too old or too large."""

from kirin_worker.age import LOOK, NEVER, Age, resident
from kirin_worker.options import Options
from tests.case import WorkerCase
from tests.front import STATUS


class Ages(WorkerCase):

    def age(self, **settings):
        options = Options()
        for name, value in settings.items():
            setattr(options, name, value)
        return Age(options)

    def test_never(self):
        self.assertEqual(self.age().due, NEVER)

    def test_lifetime(self):
        age = self.age(max_lifetime=100.0)
        self.assertIsNone(age.over(age.end - 0.1))
        self.assertEqual(age.over(age.end), ("max_lifetime", "max_lifetime reached"))
        self.assertEqual(age.due, NEVER)

    def test_lifetimes_differ(self):
        ends = [self.age(max_lifetime=1000.0).end for _ in range(50)]
        self.assertGreater(max(ends) - min(ends), 10)
        self.assertLess(max(ends) - min(ends), 110)

    def test_memory(self):
        age = self.age(max_memory=1)
        self.assertEqual(age.over(0.0)[0], "max_memory")
        self.assertEqual(age.due, NEVER)
        age = self.age(max_memory=1 << 20)
        self.assertIsNone(age.over(0.0))
        self.assertEqual(age.due, LOOK)

    def test_resident(self):
        before = resident()
        block = bytearray(32 << 20)
        self.assertGreater(resident() - before, 30 << 20)
        del block

    def test_the_front_is_asked(self):
        worker, wire = self.served("pep:app", "--max-lifetime=0.2")
        self.assertEqual(wire.expect(STATUS), {"retire": "max_lifetime"})
        self.assertEqual(wire.get("/tuple_").status, "200 OK")
        worker.wait_log("max_lifetime reached, asking to be replaced")
