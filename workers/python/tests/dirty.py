"""A front for the arbiter of dirty workers: gives it orders over real sockets."""

import array
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from kirin_worker.dirty_client import DirtyClient
from kirin_worker.dirty_stash import StashClient
from tests.front import APPS, PACKAGE, PATIENCE

BOOT = "import sys; sys.argv.pop(1); from kirin_worker.main import main; sys.exit(main(sys.argv[1:]))"


def eventually(what, condition):
    """Waits until ``condition`` gives something, and gives that."""
    end = time.monotonic() + PATIENCE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, "not so: " + what
        time.sleep(0.01)


def runs(pid):
    """Whether there is such a process that has not ended."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Arbiter:
    """An arbiter, and what a front knows of it."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="kirin-dirty-")
        self.log_path = os.path.join(self.directory, "log")
        self.name = "@kirin-dirty-" + os.urandom(8).hex()
        self.generation = 0
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("\0" + self.name[1:])
        listener.listen(64)
        self.orders, theirs = socket.socketpair()
        self.orders.settimeout(PATIENCE)
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kirin_worker", "dirty", str(theirs.fileno()), str(listener.fileno()),
                 self.name],
                pass_fds=(theirs.fileno(), listener.fileno()), cwd=APPS, env=self.environment(), stdout=log, stderr=log)
        theirs.close()
        self.listener = listener

    def environment(self, **extra):
        env = dict(os.environ, PYTHONPATH=PACKAGE, PYTHONUNBUFFERED="1", **extra)
        env.pop("JOURNAL_STREAM", None)
        return env

    def load(self, *apps, **settings):
        """Orders a version; the answer."""
        self.generation += 1
        env = self.environment(**settings.pop("env", {}))
        order = {
            "do": "load", "generation": self.generation, "path": sys.executable, "boot": BOOT,
            "args": ["--chdir=" + APPS, "app:app"], "env": ["%s=%s" % pair for pair in env.items()],
            "apps": [app if isinstance(app, list) else ["dirty_tasks:" + app, None] for app in apps],
            "workers": 1, "threads": 1, "timeout": 60, "patience": PATIENCE, "hooks": [], "conf": "", "settings": {},
            "log_level": 6,
        }
        order.update(settings)
        image = os.open(os.devnull, os.O_RDONLY)
        line = json.dumps(order).encode() + b"\n"
        rights = array.array("i", [image])
        sent = self.orders.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        self.orders.sendall(line[sent:])
        os.close(image)
        return self.answer()

    def order(self, do):
        self.orders.sendall(json.dumps({"do": do}).encode() + b"\n")
        return self.answer()

    def answer(self):
        data = b""
        while not data.endswith(b"\n"):
            part = self.orders.recv(1 << 16)
            assert part, "the arbiter has gone:\n" + self.log()
            data += part
        return json.loads(data)

    def client(self, generation=None, timeout=PATIENCE):
        return DirtyClient("%s:%d" % (self.name, generation or self.generation), timeout)

    def call(self, action, *args, **kwargs):
        return self.client().execute("dirty_tasks:Tasks", action, *args, **kwargs)

    def stash(self):
        return StashClient(self.name)

    def path(self, name):
        return os.path.join(self.directory, name)

    def touch(self, name):
        with open(self.path(name), "w"):
            return self.path(name)

    def log(self):
        with open(self.log_path) as file:
            return file.read()

    def wait_log(self, text):
        return eventually("%r in the log:\n%s" % (text, self.log()), lambda: text in self.log() and self.log())

    def close(self):
        self.orders.close()
        try:
            self.process.wait(PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
        self.listener.close()
        subprocess.run(["rm", "-r", self.directory], check=True)


class DirtyCase(unittest.TestCase):
    """Tests that each have an arbiter."""

    def arbiter(self, *apps, **settings):
        arbiter = Arbiter()
        self.addCleanup(arbiter.close)
        if apps:
            self.assertEqual(arbiter.load(*apps, **settings), {}, arbiter.log())
        return arbiter
