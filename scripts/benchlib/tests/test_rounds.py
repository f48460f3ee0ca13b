"""The plan of a run, its time, and the sum of its rounds."""

import contextlib
import unittest
from unittest import mock

from benchlib import rounds
from benchlib.scenarios import SCENARIOS
from benchlib.servers import SERVERS, BenchError


def figures(rps, others=0.0, errors=None):
    return {"rps": rps, "p99": 1e3 / rps, "others": others, "errors": errors or {}}


def options(chosen=lambda name, key: True, count=3, minutes=27.0):
    return rounds.Options(list(SERVERS), list(SCENARIOS), count, 3, 1, minutes, chosen)


class SumUp(unittest.TestCase):
    def test_median_and_spread(self):
        found = rounds.sum_up([figures(100), figures(80), figures(90)])
        self.assertEqual((found["rps"], found["p99"], found["disturbed"]), (90, 1e3 / 90, False))
        self.assertAlmostEqual(found["spread"], 20 / 90 * 100)

    def test_disturbed_rounds_do_not_count_beside_quiet_ones(self):
        found = rounds.sum_up([figures(10, 0.5), figures(90), figures(20, 0.06)])
        self.assertEqual((found["rps"], found["spread"], found["disturbed"]), (90, 0, False))

    def test_only_disturbed_rounds(self):
        found = rounds.sum_up([figures(10, 0.5), figures(30, 0.2)])
        self.assertEqual((found["rps"], found["disturbed"]), (20, True))

    def test_errors_of_any_round(self):
        found = rounds.sum_up([figures(10, errors={"read": 1}), figures(10, 0.9, {"read": 5, "lost": 2})])
        self.assertEqual(found["errors"], {"read": 5, "lost": 2})

    def test_figures_without_a_rate(self):
        self.assertEqual(rounds.sum_up([{"kib": 3, "others": 0, "errors": {}}])["spread"], 0)


class Plan(unittest.TestCase):
    def test_applications_that_a_server_cannot_serve(self):
        plan = {(name, app) for name, app, _ in options().plan(0)}
        self.assertIn(("uvicorn", "fastapi"), plan)
        self.assertIn(("kirin", "flask"), plan)
        self.assertFalse(plan & {("uvicorn", "flask"), ("kirin", "fastapi"), ("floor", "flask"), ("uwsgi", "fastapi")})

    def test_a_chosen_one_alone(self):
        plan = options(lambda name, key: (name, key) == ("floor", "post")).plan(0)
        self.assertEqual(plan, [("floor", "post", ["post"])])

    def test_every_round_has_the_scenarios_of_the_bars(self):
        for number in range(5):
            keys = {key for name, _, some in options().plan(number) if name == "kirin" for key in some}
            self.assertLessEqual({"hello-32", "hello-1", "rate-70", "flask"}, keys)

    def test_idle_connections_once(self):
        self.assertIn("idle", [key for _, _, keys in options().plan(0) for key in keys])
        self.assertNotIn("idle", [key for _, _, keys in options().plan(1) for key in keys])

    def test_the_whole_run_fits_its_time(self):
        self.assertGreater(options().slack(), 60)


class Time(unittest.TestCase):
    def test_slack_is_what_the_plan_leaves(self):
        one = options(lambda name, key: (name, key) == ("floor", "post"), 2, 1.0)
        self.assertEqual(one.slack(), (60 - 2 * (3 + 1 + rounds.OVERHEAD)) / 2)

    def test_no_time_no_slack(self):
        self.assertEqual(options(minutes=1.0).slack(), 0)


class FakeBench:
    """Gives figures, and advances the time by what they take."""

    def __init__(self, *rates):
        self.rates = list(rates)

    def measure(self, key):
        return {"rps": self.rates.pop(0), "errors": {}}


class Noise:
    """In measure.Quiet's place: one share after the other."""

    shares = []

    def share(self):
        return self.shares.pop(0)


class Again(unittest.TestCase):
    def runner(self, slack, *shares):
        runner = rounds.Runner(options(), {})
        runner.slack = slack
        for patch in (mock.patch.object(rounds.measure, "Quiet", Noise), mock.patch.object(runner, "wait_for_quiet")):
            patch.start()
            self.addCleanup(patch.stop)
        Noise.shares = list(shares)
        return runner

    def test_the_quietest_counts(self):
        found = self.runner(60, 0.5, 0.07, 0.3).quietest("post", FakeBench(1, 2, 3))
        self.assertEqual((found["rps"], found["others"], found["tries"]), (2, 0.07, 3))

    def test_a_quiet_one_ends_it(self):
        found = self.runner(60, 0.5, 0.01).quietest("post", FakeBench(1, 2))
        self.assertEqual((found["rps"], found["tries"]), (2, 2))

    def test_no_time_left(self):
        self.assertEqual(self.runner(0, 0.5).quietest("post", FakeBench(1))["rps"], 1)

    def test_noise_that_does_not_end_is_waited_for_no_longer_than_allowed(self):
        runner = rounds.Runner(options(), {})
        runner.slack = 0.5
        with mock.patch.object(rounds.measure, "Quiet", Noise):
            Noise.shares = [1.0] * 10
            runner.wait_for_quiet()
        self.assertLess(runner.slack, 0.3)
        self.assertGreater(len(Noise.shares), 5)


class Failure(unittest.TestCase):
    def test_is_said_and_the_rest_is_measured(self):
        started = []

        @contextlib.contextmanager
        def running(name, app, binaries):
            started.append(app)
            raise BenchError("it will not start")
            yield
        runner = rounds.Runner(options(lambda name, key: name == "floor" and key in ("1k", "64k"), 1), {})
        with mock.patch.object(rounds, "running", running), mock.patch.object(rounds, "say"):
            runner.run()
        self.assertEqual(started, ["1k", "64k"])
        self.assertEqual(runner.problems[0], "floor with 1k: it will not start")
