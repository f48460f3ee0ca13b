"""Workers that become too old or too large."""

import os
import tempfile

from kirin_worker.age import LOOK, NEVER, Age, Cgroup, resident
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

    def cgroup(self, high="104857600"):
        """A control group as the kernel shows one."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.files(folder.name, high=high, crossed=3, anon=0)
        return folder.name

    def files(self, folder, crossed, anon, high="104857600"):
        for name, text in (("memory.high", high), ("memory.events", "low 0\nhigh %d\nmax 0" % crossed),
                           ("memory.stat", "anon %d\nfile 7" % anon)):
            with open(os.path.join(folder, name), "w") as file:
                file.write(text + "\n")

    def test_memory_high(self):
        folder = self.cgroup()
        options = Options()
        options.own_cgroup = True
        age = Age(options, Cgroup(folder))
        self.assertLess(age.due, NEVER)
        self.files(folder, crossed=3, anon=100 << 20)
        self.assertIsNone(age.over(0.0))            # it was so when we began
        self.files(folder, crossed=4, anon=10 << 20)
        self.assertIsNone(age.over(0.0))            # by files' pages
        self.files(folder, crossed=5, anon=90 << 20)
        self.assertEqual(age.over(0.0), ("memory_high", "MemoryHigh= (100 MiB) exceeded"))
        self.assertEqual(age.due, NEVER)

    def test_no_memory_high(self):
        options = Options()
        self.assertEqual(Age(options, Cgroup(self.cgroup())).due, NEVER)     # not our own
        options.own_cgroup = True
        self.assertEqual(Age(options, Cgroup(self.cgroup("max"))).due, NEVER)
        self.assertEqual(Age(options, Cgroup("/no/such/folder")).due, NEVER)
        options.preload = True
        self.assertEqual(Age(options, Cgroup(self.cgroup())).due, NEVER)

    def test_the_front_is_asked(self):
        worker, wire = self.served("pep:app", "--max-lifetime=0.2")
        self.assertEqual(wire.expect(STATUS), {"retire": "max_lifetime"})
        self.assertEqual(wire.get("/tuple_").status, "200 OK")
        worker.wait_log("max_lifetime reached, asking to be replaced")
