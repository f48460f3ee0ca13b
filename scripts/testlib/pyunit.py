#!/usr/bin/python3
"""Run every unittest below a folder, several at a time, and say what becomes of each in a line of JSON.

usage: PYTHON pyunit.py [--jobs N] [--run PATTERN] FOLDER

The first line is {"total": N}. Then each test says {"test": NAME, "event": "begin"}, and in the end {"test": NAME,
"event": "pass" or "fail", "seconds": S, "output": TEXT}. A skipped test fails. The exit status is 0 whatever the tests
say, and another when they could not be run.

Every process that runs tests is a fork of one that has imported them all, and takes a class at a time: the tests of a
class follow one another.
"""

import argparse
import fcntl
import json
import os
import re
import struct
import sys
import time
import traceback
import unittest

INDEX = struct.Struct("=i")


def load(top):
    """Return the tests of every test_*.py below top, which is imported with top in sys.path."""
    sys.path.insert(0, top)
    loader = unittest.TestLoader()
    tests = []
    for folder, folders, names in sorted(os.walk(top)):
        folders[:] = [f for f in folders if f != "__pycache__"]
        for name in sorted(names):
            if name.startswith("test_") and name.endswith(".py"):
                module = os.path.relpath(os.path.join(folder, name[:-3]), top)
                tests += flatten(loader.loadTestsFromName(module.replace(os.sep, ".")))
    return tests


def flatten(suite):
    """Return the tests of a suite and of the suites in it, in order."""
    if isinstance(suite, unittest.TestCase):
        return [suite]
    return [test for part in suite for test in flatten(part)]


def by_class(tests):
    """Return a suite for each class, those with the most tests first: they take the longest."""
    classes = {}
    for test in tests:
        classes.setdefault(type(test), unittest.TestSuite()).addTest(test)
    return sorted(classes.values(), key=lambda suite: -suite.countTestCases())


class Teller:
    """Writes lines that several processes share a file for."""

    def __init__(self, path):
        # A lock is of an open file, which a fork would share: each process opens one of its own.
        self.out = os.dup(1)
        self.lock = os.open(path, os.O_RDONLY)

    def tell(self, **what):
        line = json.dumps(what).encode() + b"\n"
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        while line:
            line = line[os.write(self.out, line):]
        fcntl.flock(self.lock, fcntl.LOCK_UN)


class Result(unittest.TestResult):
    """Tells what becomes of each test."""

    def __init__(self, teller):
        super().__init__()
        self.buffer = True
        self.teller = teller
        self.begun = 0.0
        self.reasons = []

    def startTest(self, test):
        super().startTest(test)
        self.reasons = []
        self.begun = time.monotonic()
        self.teller.tell(test=test.id(), event="begin")

    def stopTest(self, test):
        super().stopTest(test)
        self.ended(test.id(), time.monotonic() - self.begun)

    def ended(self, name, seconds):
        output = "\n".join(self.reasons)
        self.teller.tell(test=name, event="fail" if self.reasons else "pass", seconds=seconds, output=output)

    def failed(self, test, error):
        reason = self._exc_info_to_string(error, test)
        self.reasons.append(reason)
        if not isinstance(test, unittest.TestCase):     # what a class or a module sets up
            self.ended(test.id(), 0.0)

    def addError(self, test, err):
        self.failed(test, err)

    def addFailure(self, test, err):
        self.failed(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.failed(test, err)

    def addSkip(self, test, reason):
        self.reasons.append("it was skipped: %s" % reason)

    def addUnexpectedSuccess(self, test):
        self.reasons.append("it was expected to fail")


def work(suites, queue):
    """Run the suites whose numbers come out of a pipe."""
    teller = Teller(__file__)
    while True:
        number = os.read(queue, INDEX.size)
        if not number:
            return
        # A result remembers the class before, and would have it torn down once more.
        suites[INDEX.unpack(number)[0]].run(Result(teller))


def fork(suites, queue):
    """Start a process that works, and return its id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work(suites, queue)
        status = 0
    except BaseException:   # of whatever kind: a process that was forked must end here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def run(suites, jobs):
    """Run the suites by so many processes; return whether all of those ended well."""
    queue, feed = os.pipe()
    os.write(feed, b"".join(INDEX.pack(number) for number in range(len(suites))))   # a pipe holds thousands
    os.close(feed)
    pids = [fork(suites, queue) for _ in range(jobs)]
    os.close(queue)
    return all([os.waitpid(pid, 0)[1] == 0 for pid in pids])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=4, metavar="N", help="processes that run tests (default 4)")
    parser.add_argument("--run", default="", metavar="PATTERN", help="only tests whose name matches")
    parser.add_argument("folder")
    args = parser.parse_args()
    sys.dont_write_bytecode = True
    tests = [t for t in load(os.path.abspath(args.folder)) if re.search(args.run, t.id())]
    Teller(__file__).tell(total=len(tests))
    return 0 if run(by_class(tests), args.jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
