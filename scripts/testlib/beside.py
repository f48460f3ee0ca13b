"""Other work on the machine, while the tests run."""

import contextlib
import os
import subprocess
import sys
import tempfile

# Each ends with the one that started it, also when that is killed.
COMPUTE = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100000))\n"
WRITE = """
import os, sys
parent = os.getppid()
block = os.urandom(1 << 20)
while os.getppid() == parent:
    with open(sys.argv[1], "wb") as f:
        for _ in range(64):
            f.write(block)
            f.flush()
            os.fsync(f.fileno())
"""


@contextlib.contextmanager
def others(number):
    """While this lasts, so many processes compute, and one writes to the disk; none at all where number is 0."""
    if not number:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="kirin-beside-") as folder:
        commands = [[sys.executable, "-c", COMPUTE]] * number
        commands.append([sys.executable, "-c", WRITE, os.path.join(folder, "blocks")])
        started = [subprocess.Popen(command) for command in commands]
        try:
            yield
        finally:
            for process in started:
                process.kill()
                process.wait()
