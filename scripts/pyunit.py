"""Run every unittest below a folder and say how many passed; a skipped test has failed.

usage: PYTHON pyunit.py FOLDER

Writes "PASSED FAILED" to the file named by $COUNTS.
"""

import os
import sys
import time
import unittest


def suite_of(top):
    """Load every test_*.py below top, imported with top in sys.path."""
    sys.path.insert(0, top)
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    for folder, folders, names in sorted(os.walk(top)):
        folders[:] = [f for f in folders if f != "__pycache__"]
        for name in sorted(names):
            if name.startswith("test_") and name.endswith(".py"):
                module = os.path.relpath(os.path.join(folder, name[:-3]), top)
                suite.addTests(loader.loadTestsFromName(module.replace(os.sep, ".")))
    return suite


def main():
    sys.dont_write_bytecode = True
    suite = suite_of(os.path.abspath(sys.argv[1]))
    start = time.monotonic()
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, buffer=True).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.skipped) + len(result.unexpectedSuccesses)
    passed = result.testsRun - failed
    if result.testsRun == 0:
        failed = 1
        print("FAIL: no tests below %s" % sys.argv[1])
    for test, reason in result.skipped:
        print("FAIL: %s was skipped: %s" % (test, reason))
    print("%s: %d passed, %d failed (%.1f s)" % (sys.executable, passed, failed, time.monotonic() - start))
    if "COUNTS" in os.environ:
        with open(os.environ["COUNTS"], "w") as f:
            f.write("%d %d\n" % (max(passed, 0), failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
