"""Which parts and packages a change can touch."""

import os
import unittest

from testlib import changed, parts

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


class Chosen(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = parts.Context(ROOT, dict(os.environ))

    def chosen(self, *names):
        return changed.chosen(self.context, names)

    def test_a_leaf(self):
        names, packages = self.chosen("internal/http1/head.go")
        self.assertLessEqual({"vet", "format", "staticcheck", "build", "go", "blackbox", "systemd", "package", "docs"},
                             set(names))
        self.assertNotIn("pyunit", names)
        self.assertLessEqual({"internal/http1", "internal/front", "cmd/kirin", "test/rooms"}, set(packages))
        self.assertNotIn("internal/loop", packages)

    def test_a_test(self):
        names, packages = self.chosen("internal/loop/accept_test.go")
        self.assertEqual(packages, ["internal/loop", "test/rooms"])
        self.assertEqual(set(names), {"build", "vet", "format", "staticcheck", "go"})

    def test_testdata(self):
        names, packages = self.chosen("workers/testdata/dispatch/cancel.txt")
        self.assertIn("workers", packages)
        self.assertIn("go", names)

    def test_helpers_of_tests(self):
        names, packages = self.chosen("test/box/box.go")
        self.assertLessEqual({"systemd", "package", "docs", "go"}, set(names))
        self.assertNotIn("blackbox", names)
        self.assertIn("test/box", packages)

    def test_the_runtime(self):
        names, packages = self.chosen("workers/python/kirin_worker/wire.py")
        self.assertLessEqual({"pyunit", "pypy", "python", "go", "blackbox", "systemd"}, set(names))
        self.assertIn("cmd/kirin", packages)

    def test_documentation(self):
        self.assertEqual(self.chosen("docs/logs.md"), (["docs"], None))

    def test_what_everything_depends_on(self):
        self.assertEqual(self.chosen("go.mod"), (list(parts.PARTS), None))

    def test_nothing(self):
        self.assertEqual(self.chosen(), ([], None))
