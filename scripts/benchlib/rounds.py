"""Runs the scenarios in rounds, watches how quiet the machine is, and sums the rounds up."""

import statistics
import sys
import time
from dataclasses import dataclass

from . import measure, scenarios
from .servers import BenchError, running

QUIET = 0.05        # what others may take of the machine while something is measured
REDOS = 2           # of a measurement that was disturbed
PATIENCE = 5        # seconds to wait for others before each measurement
OVERHEAD = 1.0      # seconds that a measurement takes beside load and warm-up, more or less


@dataclass
class Options:
    servers: list
    scenarios: list
    rounds: int
    seconds: int
    warmup: int
    minutes: float      # for all of it
    chosen: object      # says of a server and a scenario whether it was asked for

    def plan(self, number):
        """Return (server, application, [scenarios]) of each server to start in a round, the first being 0."""
        keys = [key for key in self.scenarios if number < scenarios.SCENARIOS[key].rounds]
        groups = [(name, app, [key for key in keys if self.chosen(name, key)])
                  for name, app, keys in scenarios.plan(self.servers, keys)]
        return [group for group in groups if group[2]]

    def slack(self):
        """Return the seconds of each round that may go into waiting and doing again."""
        count = sum(len(keys) for number in range(self.rounds) for _, _, keys in self.plan(number))
        planned = count * (self.seconds + self.warmup + OVERHEAD)
        return max(0.0, self.minutes * 60 - planned) / self.rounds


def say(text):
    print(text, file=sys.stderr, flush=True)


def line(name, key, found):
    if "kib" in found:
        return "%-17s %-9s %8d kept %10.1f KiB each in the front" % (name, key, found["held"], found["kib"])
    return "%-17s %-9s %8.0f requests/s %5.0f µs  p99 %.2f ms%s%s" % (
        name, key, found["rps"], found["cpu"], found["p99"],
        "  others %.0f %%" % (found["others"] * 100) if found["others"] > QUIET else "",
        "  INVALID: %s" % errors(found) if found["errors"] else "")


def errors(found):
    """Return what went wrong in words, or nothing."""
    return ", ".join("%d %s" % (count, name) for name, count in found["errors"].items())


class Runner:
    """Fills results, {server: {scenario: [figures of each round]}}, and problems, lines for the user."""

    def __init__(self, options, binaries):
        self.options, self.binaries = options, binaries
        self.results, self.problems = {}, []
        self.end = time.monotonic() + options.minutes * 60
        self.slack = 0.0        # what may still be spent on others' noise

    def run(self):
        longest = 0.0
        for number in range(self.options.rounds):
            left = self.end - time.monotonic()
            if number and left < longest:
                say("only %d of %d rounds: the time is over" % (number, self.options.rounds))
                break
            start = time.monotonic()
            say("round %d of %d" % (number + 1, self.options.rounds))
            self.slack += self.options.slack()
            for group in self.options.plan(number):
                self.group(*group)
            longest = max(longest, time.monotonic() - start)

    def group(self, name, app, keys):
        """Measure one server with one application; what fails is a problem and not the end."""
        try:
            with running(name, app, self.binaries) as server:
                bench = scenarios.Bench(server, app, self.options.seconds, self.options.warmup, self.binaries)
                found = server.memory()     # idle: all are up, and one request or two have been served
                for key in keys:
                    self.one(name, key, bench, found)
        except (BenchError, OSError) as err:
            self.problems.append("%s with %s: %s" % (name, app, err))
            say("FAILED: " + self.problems[-1])

    def one(self, name, key, bench, memory):
        found = dict(self.quietest(key, bench), **memory)
        self.results.setdefault(name, {}).setdefault(key, []).append(found)
        say(line(name, key, found))

    def quietest(self, key, bench):
        """Measure, again when others disturbed it, and return the figures that were disturbed least."""
        tries = []
        while not tries or (tries[-1]["others"] > QUIET and len(tries) <= REDOS and self.slack > 0):
            self.wait_for_quiet()
            start, watch = time.monotonic(), measure.Quiet()
            found = bench.measure(key)
            found["others"] = watch.share()
            if tries:
                self.slack -= time.monotonic() - start
            tries.append(found)
        return dict(min(tries, key=lambda f: f["others"]), tries=len(tries))

    def wait_for_quiet(self):
        """Wait until others leave the machine alone, but not for ever."""
        start = time.monotonic()
        while time.monotonic() - start < min(PATIENCE, self.slack):
            watch = measure.Quiet()
            time.sleep(0.2)
            if watch.share() <= QUIET:
                break
        self.slack -= time.monotonic() - start


def sum_up(rounds):
    """Return the medians of the rounds of one server and scenario, of the quiet ones where there are any.

    "spread" is the difference between the best and the worst requests/s in percent of the median; "errors" has the
    worst of all rounds.
    """
    quiet = [r for r in rounds if r["others"] <= QUIET]
    counted = quiet or rounds
    found = {key: statistics.median(r[key] for r in counted) for key in counted[0] if key != "errors"}
    found["errors"] = {}
    for r in rounds:
        for name, count in r["errors"].items():
            found["errors"][name] = max(count, found["errors"].get(name, 0))
    rates = [r["rps"] for r in counted if "rps" in r]
    found["spread"] = (max(rates) - min(rates)) / found["rps"] * 100 if rates and found["rps"] else 0.0
    found["disturbed"] = not quiet
    return found


def medians(results):
    return {name: {key: sum_up(rounds) for key, rounds in of.items()} for name, of in results.items()}
