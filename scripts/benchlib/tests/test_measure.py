"""Time, memory and noise are those of the right processes."""

import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from benchlib import measure

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
# Prints when it is at work, then waits for the end of its input.
WAIT = "import sys; x = bytearray(%d); print('ready', flush=True); sys.stdin.read()"


def waiting(size=0):
    process = subprocess.Popen([sys.executable, "-c", WAIT % size], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def end(process):
    process.communicate()


class Time(unittest.TestCase):
    def test_that_of_ended_children_counts(self):
        before, _ = measure.cpu_seconds([os.getpid()], [])
        subprocess.run([sys.executable, "-c", BURN], check=True)
        after, _ = measure.cpu_seconds([os.getpid()], [])
        self.assertGreaterEqual(after - before, 0.25)

    def test_the_front_apart(self):
        process = waiting()
        self.addCleanup(end, process)
        everything, front = measure.cpu_seconds([os.getpid()], [process.pid])
        self.assertLess(front, everything)


class Memory(unittest.TestCase):
    def test_front_and_worker(self):
        small, large = waiting(), waiting(64 << 20)
        for process in small, large:
            self.addCleanup(end, process)
        found = measure.memory([small.pid, large.pid], [small.pid])
        self.assertGreater(found["worker"], 64)
        self.assertLess(found["front"], 64)
        self.assertAlmostEqual(found["memory"], found["front"] + found["worker"], 3)


class Precedence(unittest.TestCase):
    def test_while_it_lasts(self):
        with tempfile.NamedTemporaryFile("w+") as group:
            group.write("/autogroup-7 nice 3\n")
            group.flush()
            with mock.patch.object(os, "setpriority") as own, measure.precedence(-15, group.name) as granted:
                self.assertTrue(granted)
                self.assertEqual((own.call_args.args[2], measure.read(group.name)), (-15, b"-15"))
            self.assertEqual((own.call_args.args[2], measure.read(group.name)), (os.nice(0), b"3"))

    def test_without_groups(self):
        with tempfile.NamedTemporaryFile("w+") as empty:
            for group in (empty.name, "/nonexistent/autogroup"):
                with mock.patch.object(os, "setpriority"), measure.precedence(-15, group) as granted:
                    self.assertTrue(granted)
            self.assertEqual(measure.read(empty.name), b"")

    def test_without_the_right_to(self):
        with mock.patch.object(os, "setpriority", side_effect=PermissionError):
            with measure.precedence() as granted:
                self.assertFalse(granted)


class Noise(unittest.TestCase):
    def test_descendants_and_kernel_threads_are_none(self):
        table = {1: (0, 1), 2: (0, 10), 9: (2, 100), 50: (1, 1000), 60: (50, 10000), 70: (60, 100000), 80: (1, 5)}
        self.assertEqual(measure.strangers(table, 50), 1 + 5)

    def test_a_strangers_time_is(self):
        watch = measure.Quiet()
        # The one in between ends at once, so that the one that burns is nobody's child here.
        script = "import os, sys\nif os.fork(): os._exit(0)\n%sprint('done', flush=True)" % BURN
        stranger = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        self.assertEqual(stranger.communicate()[0], b"done\n")
        self.assertGreater(watch.share(), 0.02)

    def test_stolen(self):
        self.assertEqual(measure.stolen("cpu  773175 19481 546497 1199802 5225 0 24046 849 0 0\ncpu0 1 2\n"), 849)
