"""The source itself: the oldest grammar, the linters, and nothing heavy at the start."""

import ast
import glob
import os
import shutil
import subprocess
import sys
import unittest

from tests.front import PACKAGE

RUNTIME = sorted(glob.glob(os.path.join(PACKAGE, "kirin_worker", "*.py")))
SOURCES = RUNTIME + sorted(glob.glob(os.path.join(PACKAGE, "*.py"))
                           + glob.glob(os.path.join(PACKAGE, "tests", "**", "*.py"), recursive=True))
HEAVY = ("argparse", "ast", "asyncio", "enum", "inspect", "json", "logging", "random", "re", "signal",
         "socket", "tempfile", "threading", "traceback", "typing")


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Source(unittest.TestCase):

    def test_there_is_some(self):
        self.assertGreater(len(RUNTIME), 12)

    def test_grammar_of_3_8(self):
        for path in SOURCES:
            with self.subTest(os.path.basename(path)):
                ast.parse(lines_of(path), path, feature_version=(3, 8))

    def test_linters(self):
        for command in (["pyflakes3"], ["pycodestyle", "--max-line-length=120"]):
            with self.subTest(command[0]):
                self.assertIsNotNone(shutil.which(command[0]), "install Debian's %s" % command[0])
                done = subprocess.run(command + SOURCES, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self.assertEqual((done.returncode, done.stdout.decode()), (0, ""))

    def test_every_module_says_what_it_is_for(self):
        for path in RUNTIME:
            self.assertTrue(ast.get_docstring(ast.parse(lines_of(path))), path)

    def test_functions_are_short(self):
        for path in RUNTIME:
            for node in ast.walk(ast.parse(lines_of(path))):
                if isinstance(node, ast.FunctionDef):
                    self.assertLessEqual(node.end_lineno - node.lineno, 60, "%s in %s" % (node.name, path))

    def test_nothing_heavy_for_a_sync_worker(self):
        code = ("import sys; before = set(sys.modules); import kirin_worker.main, kirin_worker.sync; "
                "print(' '.join(set(sys.modules) - before))")
        done = subprocess.run([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, cwd=PACKAGE,
                              check=True)
        self.assertEqual(set(HEAVY).intersection(done.stdout.decode().split()), set())
