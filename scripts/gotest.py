#!/usr/bin/python3
"""Run "go test -json" and say how many tests passed; a skipped test has failed.

usage: gotest.py [--again] GO-TEST-ARGUMENT... PACKAGE...

Prints a line for each package, with its slowest tests, and, in full, what a
failed test printed; in the end once more which failed, and where. Writes
"PASSED FAILED" to the file named by $COUNTS.

  --again   where a few tests failed, run each once more, alone: what fails
            beside others and passes by itself tells of the machine. It counts
            as passed then, and is named as unsteady.
"""

import json
import os
import re
import subprocess
import sys

FEW = 5  # tests that --again runs once more; where more failed, it is no accident
SLOW = 60  # seconds: a package that takes longer says which tests did
WHERE = re.compile(r"^ *\w+_test\.go:\d+: ")


class Tally:
    """What has been heard of the tests so far."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.of_package = {}  # package: [passed, failed]
        self.output = {}  # (package, test or ""): lines
        self.took = {}  # package: [(seconds, test)]
        self.failures = []  # lines
        self.broken = {}  # (package, top-level test): how many of it and its subtests failed

    def event(self, ev):
        # A package that does not build is reported under ImportPath, with no Package.
        key = (ev.get("Package") or ev.get("ImportPath", ""), ev.get("Test", ""))
        action = ev["Action"]
        if action in ("output", "build-output"):
            self.output.setdefault(key, []).append(ev.get("Output", ""))
        elif action in ("pass", "fail", "skip"):
            self.finished(key, action, ev.get("Elapsed", 0))
        elif action == "build-fail":
            print("".join(self.output.pop(key, [])), end="", flush=True)

    def finished(self, key, action, elapsed):
        package, test = key
        counts = self.of_package.setdefault(package, [0, 0])
        if not test:
            self.package_finished(package, action, elapsed, counts)
            return
        if "/" not in test:
            self.took.setdefault(package, []).append((elapsed, test))
        if action == "pass":
            counts[0] += 1
            self.passed += 1
            self.output.pop(key, None)
        else:
            counts[1] += 1
            self.failed += 1
            top = (package, test.split("/")[0])
            self.broken[top] = self.broken.get(top, 0) + 1
            title = "FAIL: %s %s%s" % (package, test, " (skipped)" if action == "skip" else "")
            lines = self.output.pop(key, [])
            print(title)
            print("".join(lines), end="", flush=True)
            self.failures.append(title)
            self.failures += ["%.200s" % line.rstrip() for line in lines if WHERE.match(line)][:5]

    def package_finished(self, package, action, elapsed, counts):
        if action == "fail" and counts[1] == 0:  # it did not build, or the process died
            counts[1] += 1
            self.failed += 1
        if action == "fail":
            for key in [k for k in self.output if k[0] == package]:
                print("".join(self.output.pop(key)), end="")
        if counts[0] or counts[1]:
            print("%s: %d passed, %d failed (%.1f s)" % (package, counts[0], counts[1], elapsed), flush=True)
        if elapsed > SLOW:
            slowest = sorted(self.took.get(package, []), reverse=True)[:5]
            print("  slowest: " + ", ".join("%s %.0f s" % (test, seconds) for seconds, test in slowest), flush=True)


def run(arguments):
    """Run go test, and return its Tally."""
    tally = Tally()
    command = ["go", "test", "-json"] + arguments
    proc = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", errors="replace")
    for line in proc.stdout:
        try:
            ev = json.loads(line)
        except ValueError:
            print(line, end="")
            continue
        tally.event(ev)
    if proc.wait() and not tally.failed:
        tally.failed = 1
    return tally


def flags_of(arguments):
    """Return the arguments without the packages, and without -run and its pattern."""
    flags = []
    skip = False
    for argument in arguments:
        if not skip and argument != "-run" and not argument.startswith("./") and "/kirin" not in argument:
            flags.append(argument)
        skip = argument == "-run"
    return flags


def again(tally, arguments):
    """Run the tests that failed once more, each alone, and return those that passed."""
    if sum(tally.broken.values()) != tally.failed or len(tally.broken) > FEW:
        return []
    unsteady = []
    for (package, test), failed in tally.broken.items():
        print("once more, alone: %s %s" % (package, test), flush=True)
        second = run(flags_of(arguments) + ["-count=1", "-run", "^%s$" % test, package])
        if second.passed and not second.failed:
            unsteady.append("%s %s" % (package, test))
            tally.failed -= failed
            tally.passed += failed
    return unsteady


def main():
    arguments = sys.argv[1:]
    twice = "--again" in arguments[:1]
    if twice:
        del arguments[0]
    tally = run(arguments)
    unsteady = again(tally, arguments) if twice else []
    if tally.failures:
        print("once more, what failed:", *tally.failures, sep="\n", flush=True)
    if unsteady:
        print("unsteady, failed beside others and passed alone:", *unsteady, sep="\n  ", flush=True)
    if "COUNTS" in os.environ:
        with open(os.environ["COUNTS"], "w") as f:
            f.write("%d %d\n" % (tally.passed, tally.failed))
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
