"""How the kernel schedules a worker."""

import os
import subprocess
import sys
import unittest

from kirin_worker.sched import BATCH, LOOK, OTHER, Policy
from tests.case import WorkerCase
from tests.front import PACKAGE

IDLE = 5
DECIDED = """
import os
from kirin_worker.sched import LOOK, Policy
os.sched_setscheduler(0, 5, os.sched_param(0))
policy = Policy(lambda: [0])
for _ in range(2 * LOOK):
    policy.came(8)
print(os.sched_getscheduler(0))
"""


class Policies(WorkerCase):

    def ask(self, wire, together):
        """As many reads as it takes to decide."""
        for _ in range(2 * LOOK):
            for _ in wire.batch(["/hello"] * together):
                wire.answer()

    def policies(self, worker):
        """Those of the threads, but for the one that watches."""
        found = [os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/%d/task" % worker.process.pid)]
        found.remove(OTHER)
        return set(found)

    def test_gives_way_under_load(self):
        for options in ((), ("--class=gthread", "--threads=4")):
            with self.subTest(options):
                worker, wire = self.served("pep:app", *options)
                self.ask(wire, 1)
                self.assertEqual(self.policies(worker), {OTHER})
                self.ask(wire, 6)
                self.assertEqual(self.policies(worker), {BATCH})
                self.ask(wire, 1)
                self.assertEqual(self.policies(worker), {OTHER})

    def test_leaves_it_alone_for_a_while(self):
        policy = Policy(lambda: [])
        found = []
        for together in (8, 1, 8):
            for _ in range(LOOK):
                policy.came(together)
            found.append(policy.batch)
        self.assertEqual(found, [True, False, False])
        policy.not_before = 0.0
        for _ in range(LOOK):
            policy.came(8)
        self.assertTrue(policy.batch)

    def test_what_somebody_decided_stays(self):
        done = subprocess.run([sys.executable, "-c", DECIDED], cwd=PACKAGE, stdout=subprocess.PIPE, check=True)
        self.assertEqual(int(done.stdout), IDLE)


if __name__ == "__main__":
    unittest.main()
