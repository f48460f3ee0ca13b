"""The loads against the smallest server, and the whole of scripts/bench."""

import contextlib
import io
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
import unittest

from benchlib import load, measure, native, scenarios, servers
from benchlib.servers import APPLICATIONS, ROOT

BENCH = os.path.join(ROOT, "scripts", "bench")
HELLO = APPLICATIONS["hello"]


class Loads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.binaries = native.build(stack.enter_context(tempfile.TemporaryDirectory()))
        cls.server = stack.enter_context(servers.running("floor", "hello", cls.binaries))

    def test_constant_rate(self):
        found = load.constant_rate(self.binaries["rate"], self.server.addr, HELLO, 1, 8, 2000)
        self.assertEqual((found["requests"], found["errors"]), (2000, {}))
        self.assertLessEqual(found["p50"], found["p99"])

    def test_kept_connections(self):
        with load.kept_connections(self.server.addr, HELLO, 700) as (sockets, answered):
            self.assertEqual((len(sockets), answered, load.still_open(sockets)), (700, 700, 700))
            sockets[0].shutdown(2)
            self.assertEqual(load.still_open(sockets), 699)

    def test_idle(self):
        bench = scenarios.Bench(self.server, "hello", 1, 1, self.binaries)
        found = bench.idle(scenarios.Scenario("", "hello", 300, "idle"))
        self.assertEqual((found["held"], found["errors"]), (300, {}))
        self.assertLess(found["kib"], 10)

    def test_starved_connections_are_found(self):
        bench = scenarios.Bench(self.server, "hello", 1, 1, self.binaries)
        self.assertEqual(bench.starved(scenarios.SCENARIOS["hello-256"]), 0)
        os.kill(self.server.roots[0], 19)   # SIGSTOP: nobody is answered
        self.addCleanup(os.kill, self.server.roots[0], 18)
        self.assertEqual(bench.starved(scenarios.SCENARIOS["hello-32"]), 32)


def command_name(pid):
    try:
        return measure.read("/proc/%d/comm" % pid).strip()
    except OSError:
        return b""


class Command(unittest.TestCase):
    def test_smoke(self):
        with tempfile.NamedTemporaryFile() as out:
            words = ["--no-install", "--rounds", "1", "--seconds", "1", "--minutes", "0.1", "--json", out.name]
            for key in ("hello-32", "rate-70", "post"):
                words += ["--only", "floor/" + key]
            done = subprocess.run([sys.executable, BENCH] + words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  encoding="utf-8", timeout=120)
            found = json.load(out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("10 KiB POST\nserver ", done.stdout)
        self.assertEqual(set(found["medians"]["floor"]), {"hello-32", "rate-70", "post"})
        for figures in found["medians"]["floor"].values():
            self.assertGreater(figures["rps"], 0)
            self.assertGreater(figures["cpu"], 0)
            self.assertEqual(figures["errors"], {})

    def test_its_servers_end_with_it(self):
        words = ["--no-install", "--seconds", "60", "--only", "floor/hello-32"]
        process = subprocess.Popen([sys.executable, BENCH] + words, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        end = time.monotonic() + 60
        started = []
        while time.monotonic() < end and b"wrk" not in started:
            started = [command_name(pid) for pid in measure.tree([process.pid])]
        servers = [pid for pid in measure.tree([process.pid]) if command_name(pid) == b"floor"]
        process.terminate()
        self.assertEqual(process.wait(30), 143)
        self.assertTrue(servers)
        self.assertFalse(any(os.path.exists("/proc/%d" % pid) for pid in servers))

    def test_arguments(self):
        bench = runpy.run_path(BENCH)
        args = bench["arguments"](["--only", "kirin/hello-32", "--only", "/flask"])
        self.assertTrue(bench["chosen"](args, "kirin", "hello-32"))
        self.assertTrue(bench["chosen"](args, "uwsgi", "flask"))
        self.assertFalse(bench["chosen"](args, "kirin-gthread", "hello-32"))
        self.assertEqual((args.rounds, args.minutes), (3, 27))

    def test_a_name_that_means_nothing(self):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit):
            runpy.run_path(BENCH)["arguments"](["--only", "korin/hello-32"])
        self.assertIn("no server and scenario match korin/hello-32", said.getvalue())
