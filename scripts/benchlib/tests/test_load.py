"""What the loads print is understood, and an error is never lost."""

import unittest

from benchlib import load
from benchlib.servers import BenchError

WRK = """Running 2s test @ http://127.0.0.1:18998/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   344.90us  139.60us   3.62ms   86.65%
  164829 requests in 2.10s, 21.38MB read
Requests/sec:  78475.46
figures requests=164829 microseconds=2100389 p50=310.0 p99=747.0 p999=1984.0 """


class Wrk(unittest.TestCase):
    def test_figures(self):
        found = load.parse_wrk(WRK + "connect=0 read=0 write=0 status=0 timeout=0\n")
        self.assertEqual(found.pop("rps"), 164829 / 2.100389)
        self.assertEqual(found, {"requests": 164829, "p50": 0.31, "p99": 0.747, "p999": 1.984, "errors": {}})

    def test_errors_are_kept(self):
        found = load.parse_wrk(WRK + "connect=1 read=0 write=0 status=7 timeout=2\n")
        self.assertEqual(found["errors"], {"connect": 1, "status": 7, "timeout": 2})

    def test_no_figures(self):
        with self.assertRaisesRegex(BenchError, "no figures"):
            load.parse_wrk("unable to connect to 127.0.0.1:1 Connection refused\n")


H2LOAD = """starting benchmark...
finished in 2.10s, 1500.00 req/s, 50.00KB/s
requests: 3200 total, 3250 started, 3200 done, 3000 succeeded, %d failed, %d errored, %d timeout
status codes: 3000 2xx, 0 3xx, 0 4xx, 0 5xx
"""


class H2Load(unittest.TestCase):
    LOG = ["1700000000\t200\t%d\n" % n for n in range(1, 1001)]

    def test_figures(self):
        found = load.parse_h2load(H2LOAD % (0, 0, 0), self.LOG, 2)
        self.assertEqual(found, {"requests": 1000, "rps": 500.0, "p50": 0.501, "p99": 0.991, "p999": 1.0, "errors": {}})

    def test_errors_are_kept(self):
        found = load.parse_h2load(H2LOAD % (7, 7, 2), self.LOG + ["1700000000\t503\t5\n"], 2)
        self.assertEqual(found["errors"], {"read": 7, "status": 1, "timeout": 2})

    def test_no_figures(self):
        for out, log in (("no protocol was selected", self.LOG), (H2LOAD % (0, 0, 0), [])):
            with self.assertRaisesRegex(BenchError, "no figures"):
                load.parse_h2load(out, log, 2)


class Rate(unittest.TestCase):
    def test_lost_requests_are_an_error(self):
        found = load.figures(load.numbers("requests=90 lost=10 p50=62 p99=6144 p999=10664 max=11803"))
        self.assertEqual(found, {"requests": 90, "p50": 0.062, "p99": 6.144, "p999": 10.664, "errors": {"lost": 10}})


class Run(unittest.TestCase):
    def test_failure_is_said(self):
        with self.assertRaisesRegex(BenchError, "sh: no luck"):
            load.run(["/bin/sh", "-c", "echo no luck >&2; exit 3"])
