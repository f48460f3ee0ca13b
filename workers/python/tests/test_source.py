"""The source itself: short functions that say what they are for, and nothing heavy at the start."""

import ast
import glob
import os
import subprocess
import sys
import unittest

from tests.front import PACKAGE

RUNTIME = sorted(glob.glob(os.path.join(PACKAGE, "kirin_worker", "*.py")))
HEAVY = ("argparse", "ast", "asyncio", "enum", "inspect", "json", "logging", "random", "re", "signal",
         "socket", "tempfile", "threading", "traceback", "typing")


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Source(unittest.TestCase):

    def test_there_is_some(self):
        self.assertGreater(len(RUNTIME), 12)

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
