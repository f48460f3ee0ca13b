"""What is said of the tests."""

import io
import threading
import unittest

from testlib import parts, report, scheduler


class Said(unittest.TestCase):
    def setUp(self):
        self.out = io.StringIO()
        self.report = report.Report(self.out, live=False)

    def lines(self):
        return self.out.getvalue().split("\n")

    def test_counts(self):
        part = self.report.begin("go")
        part.begin("A")
        part.end("A", True, 2.0)
        part.count("A/sub", True)
        part.end("B", False, 1.0, "x_test.go:1: no\n", ["  x_test.go:1: no"])
        self.report.end(part)
        self.assertFalse(self.report.finish())
        self.assertEqual(self.lines()[:2], ["FAIL: go: B", "x_test.go:1: no"])
        self.assertRegex(self.lines()[2], r"^--- go: 2 passed, 1 failed \(0 s, CPU 0 s\)$")
        self.assertEqual(self.lines()[3:6], ["the slowest:", "     2.0 s  go A", "     1.0 s  go B"])
        self.assertEqual(self.lines()[6:9], ["once more, what failed:", "FAIL: go: B", "  x_test.go:1: no"])
        self.assertEqual(self.lines()[-2], "2 passed, 1 failed")

    def test_all_passed(self):
        part = self.report.begin("go")
        part.end("A", True)
        self.report.end(part)
        self.assertTrue(self.report.finish())
        self.assertEqual(self.lines()[-2], "1 passed, 0 failed")

    def test_what_never_ends_has_failed(self):
        part = self.report.begin("go")
        part.begin("A")
        self.report.end(part)
        self.assertFalse(self.report.finish())
        self.assertIn("FAIL: go: A", self.lines())

    def test_a_part_without_tests_has_failed(self):
        self.report.end(self.report.begin("go"))
        self.assertFalse(self.report.finish())
        self.assertEqual(self.lines()[0], "FAIL: go: (no test)")

    def test_nothing_at_all_has_failed(self):
        self.assertFalse(self.report.finish())

    def test_state(self):
        part = self.report.begin("go")
        part.total = 7
        part.end("A", False)
        part.begin("B")
        self.assertEqual(part.state(), "go 1/7 (1 failed) B 0 s")


class Schedule(unittest.TestCase):
    def run_parts(self, kinds, slots=4):
        self.out = io.StringIO()
        said = report.Report(self.out, live=False)
        scheduler.run(kinds, None, said, slots)
        return said.finish()

    def test_order(self):
        order = []

        def note(name):
            def run(_, part):
                order.append(name)
                part.end(name, True)
            return run
        kinds = {"late": parts.Kind("", note("late"), ["early"]), "early": parts.Kind("", note("early"), ["other"])}
        self.assertTrue(self.run_parts(kinds))      # a part that was not chosen is not waited for
        self.assertEqual(order, ["early", "late"])

    def test_side_by_side(self):
        meeting = threading.Barrier(2, timeout=60)

        def meet(_, part):
            meeting.wait()
            part.end("met", True)
        self.assertTrue(self.run_parts({"a": parts.Kind("", meet), "b": parts.Kind("", meet)}))

    def test_a_fault_of_its_own(self):
        def fault(_, part):
            raise ValueError("of mine")
        kinds = {"a": parts.Kind("", fault), "b": parts.Kind("", lambda _, part: part.end("x", True))}
        self.assertFalse(self.run_parts(kinds))
        self.assertIn("ValueError: of mine", self.out.getvalue())
        self.assertIn("1 passed, 1 failed", self.out.getvalue())
