"""How the kernel schedules a worker."""

import os
import subprocess
import sys
import unittest

from kirin_worker.sched import BATCH
from tests.case import WorkerCase
from tests.front import PACKAGE

IDLE = 5
DECIDED = """
import os
from kirin_worker.sched import be_batch
os.sched_setscheduler(0, 5, os.sched_param(0))
be_batch()
print(os.sched_getscheduler(0))
"""


class Policy(WorkerCase):

    def test_worker_gives_way(self):
        worker, _ = self.served()
        self.assertEqual(os.sched_getscheduler(worker.process.pid), BATCH)

    def test_what_somebody_decided_stays(self):
        done = subprocess.run([sys.executable, "-c", DECIDED], cwd=PACKAGE, stdout=subprocess.PIPE, check=True)
        self.assertEqual(int(done.stdout), IDLE)


if __name__ == "__main__":
    unittest.main()
