"""The tools that test: what they say is counted, and nothing else is."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

from testlib import report, tools

SHELL = "/bin/sh"


class Check(unittest.TestCase):
    def check(self, script, **settings):
        part = report.Part("x")
        tools.check(part, "check", [SHELL, "-c", script], **settings)
        return part

    def test_status(self):
        self.assertEqual((self.check("exit 0").passed, self.check("exit 3").failed), (1, 1))

    def test_what_is_printed(self):
        self.assertEqual(self.check("echo a").passed, 1)
        self.assertEqual(self.check("echo a", silent=True).failed, 1)

    def test_standard_error_decides_nothing(self):
        part = self.check("echo 'go: downloading example.org/x v1.0.0' >&2", silent=True)
        self.assertEqual((part.passed, part.failed), (1, 0))

    def test_a_failure_shows_both(self):
        text = "\n".join(self.check("echo out; echo why >&2; exit 3").texts)
        for words in ("FAIL: x: check", "out\n", "why\n", "exit status 3"):
            self.assertIn(words, text)

    def test_much_on_both(self):
        script = "for i in 1 2 3; do head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2; done"
        self.assertEqual(self.check(script).passed, 1)

    def test_processor_time(self):
        self.assertGreater(self.check("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done").cpu, 0)


class Ends(unittest.TestCase):
    """Nothing outlives the command."""

    def test_end(self):
        processes = tools.Processes()
        process = processes.start([SHELL, "-c", "sleep 600 & echo begun; wait"], None, None, subprocess.STDOUT)
        self.assertEqual(process.stdout.readline(), "begun\n")
        processes.end()
        with process.stdout:
            self.assertEqual(process.stdout.read(), "")     # ends when nobody has the pipe, sleep(1) neither
        self.assertEqual(process.wait(), -signal.SIGTERM)
        with self.assertRaises(RuntimeError):
            processes.start([SHELL, "-c", "exit"], None, None, subprocess.STDOUT)


class Lines(unittest.TestCase):
    def read(self, *lines):
        part = report.Part("go")
        reader = tools.GoTests(part)
        for line in lines:
            reader.event(line)
        return part

    def test_a_test_within_a_test(self):
        of = {"Package": "github.com/kirin-server/kirin/internal/loop", "Test": "TestA"}
        sub = dict(of, Test="TestA/one")
        part = self.read(dict(of, Action="run"), dict(sub, Action="run"),
                         dict(sub, Action="output", Output="    a_test.go:7: no\n"),
                         dict(sub, Action="fail", Elapsed=1.0), dict(of, Action="fail", Elapsed=2.0))
        self.assertEqual((part.passed, part.failed, part.ended), (0, 2, 1))
        self.assertIn("  a_test.go:7: no", part.failures)
        self.assertEqual(part.took, [(2.0, "go internal/loop TestA")])

    def test_one_that_waits_for_its_turn(self):
        of = {"Package": "a/b/c/d", "Test": "TestA"}
        part = self.read(dict(of, Action="run"), dict(of, Action="pause"))
        self.assertEqual(list(part.running), [])
        tools.GoTests(part).event(dict(of, Action="cont"))
        self.assertEqual(list(part.running), ["d TestA"])

    def test_skipped_has_failed(self):
        of = {"Package": "a/b/c/d", "Test": "TestA"}
        self.assertEqual(self.read(dict(of, Action="skip")).failed, 1)

    def test_a_package_that_does_not_build(self):
        part = self.read({"Action": "build-output", "ImportPath": "a/b/c/d", "Output": "d.go:1: syntax\n"},
                         {"Action": "build-fail", "ImportPath": "a/b/c/d"},
                         {"Action": "fail", "Package": "a/b/c/d"})
        self.assertEqual(part.failed, 1)
        self.assertIn("d.go:1: syntax", "\n".join(part.texts))

    def test_a_process_that_died(self):
        of = {"Package": "a/b/c/d", "Test": "TestA"}
        part = self.read(dict(of, Action="run"), {"Action": "output", "Package": "a/b/c/d", "Output": "panic: x\n"},
                         {"Action": "fail", "Package": "a/b/c/d"})
        part.broken()
        self.assertEqual(part.failed, 2)
        self.assertIn("panic: x", "\n".join(part.texts))

    def test_a_command_that_fails_without_a_test(self):
        part = report.Part("x")
        self.assertEqual(list(tools.events([SHELL, "-c", "echo '{\"a\": 1}'; echo why; exit 2"], part)), [{"a": 1}])
        self.assertEqual(part.failed, 1)
        self.assertIn("sh ended with status 2\nwhy", "\n".join(part.texts))

    def test_pattern(self):
        self.assertEqual(tools.pattern_of(["-race", "-run=TestA/b"]), "TestA")
        self.assertEqual(tools.pattern_of(["-race"]), "")


class UnitTests(unittest.TestCase):
    """The runner of unittests, on tests that fail in every way."""

    TESTS = """
        import os, unittest

        class Good(unittest.TestCase):
            @classmethod
            def tearDownClass(cls):
                assert "torn" not in cls.__dict__
                cls.torn = True

            def test_one(self):
                print("unseen")

            def test_two(self):
                for i in range(2):
                    with self.subTest(i=i):
                        pass

        class Other(Good):
            pass

        class Bad(unittest.TestCase):
            def test_fails(self):
                print("seen")
                self.assertEqual(1, 2)

            def test_raises(self):
                raise KeyError("x")

            def test_sub(self):
                with self.subTest(i=1):
                    self.fail("within")

            @unittest.skip("why not")
            def test_skipped(self):
                pass

            @unittest.expectedFailure
            def test_expected(self):
                pass

        class Unset(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise OSError("no class")

            def test_never(self):
                pass
    """

    def run_tests(self, text, pattern=""):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "test_it.py"), "w") as f:
                f.write(textwrap.dedent(text))
            part = report.Part("x")
            tools.unit_tests(part, sys.executable, folder, folder, 2, pattern)
        return part

    def test_all(self):
        part = self.run_tests(self.TESTS)
        self.assertEqual((part.passed, part.total), (4, 10))
        text = "\n".join(part.texts)
        for words in ("AssertionError: 1 != 2", "seen", "KeyError: 'x'", "within", "skipped: why not",
                      "expected to fail", "OSError: no class"):
            self.assertIn(words, text)
        self.assertNotIn("unseen", text)
        self.assertEqual(part.failed, 6)

    def test_pattern(self):
        part = self.run_tests(self.TESTS, "Good.*one")
        self.assertEqual((part.passed, part.failed, part.total), (1, 0, 1))

    def test_a_process_that_dies(self):
        part = self.run_tests("""
            import os, unittest

            class Dies(unittest.TestCase):
                def test_it(self):
                    os._exit(0)
        """)
        part.broken()
        self.assertEqual((part.passed, part.failed), (0, 1))

    def test_a_module_that_cannot_be_imported(self):
        part = self.run_tests("import no_such_module_anywhere\n")
        self.assertEqual((part.passed, part.failed), (0, 1))
        self.assertIn("no_such_module_anywhere", "\n".join(part.texts))


class Command(unittest.TestCase):
    """scripts/test as it is called."""

    SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "test")

    def call(self, *words):
        return subprocess.run([sys.executable, self.SCRIPT] + list(words), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding="utf-8", check=False)

    def test_help(self):
        done = self.call("--help")
        self.assertEqual(done.returncode, 0)
        for words in ("--beside N", "--soak MINUTES", "--changed [REV]", "blackbox", "fuzz"):
            self.assertIn(words, done.stdout)

    def test_mistakes(self):
        for words, want in ((["nope"], "no part named nope; there are: build, "), (["--soak", "0"], "above 0"),
                            (["--soak", "1", "go"], "no part named go; there are: fuzz, "),
                            (["--changed", "HEAD", "go"], "name none with it"), (["--beside", "-1"], "above 0")):
            with self.subTest(words):
                done = self.call("--no-install", *words)
                self.assertEqual(done.returncode, 2)
                self.assertIn(want, done.stdout)

    def test_a_part(self):
        done = self.call("--no-install", "shell")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"\n[0-9]+ passed, 0 failed\n$")
