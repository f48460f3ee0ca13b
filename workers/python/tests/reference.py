"""The servers whose behaviour is the reference: Debian's gunicorn and uvicorn, on Unix sockets."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from tests.front import APPS, PATIENCE

PYTHON = "/usr/bin/python3"


class Local(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path):
        http.client.HTTPConnection.__init__(self, "localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def fetch(path, target="/"):
    """The body of an answer."""
    conn = Local(path)
    try:
        conn.request("GET", target)
        return conn.getresponse().read()
    finally:
        conn.close()


def gunicorn(test, *arguments):
    """Starts gunicorn for as long as a test runs; gives its socket."""
    return start(test, "gunicorn", "--bind=unix:%s", "--chdir=" + APPS, *arguments)


def uvicorn(test, *arguments):
    """Likewise."""
    return start(test, "uvicorn", "--uds=%s", "--app-dir=" + APPS, *arguments)


def start(test, module, bind, *arguments):
    folder = tempfile.mkdtemp(prefix="kirin-reference-")
    test.addCleanup(shutil.rmtree, folder, True)
    path = os.path.join(folder, "sock")
    process = subprocess.Popen([PYTHON, "-m", module, bind % path] + list(arguments), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    test.addCleanup(process.wait)
    test.addCleanup(kill_all, process.pid)
    end = time.monotonic() + PATIENCE
    while not accepts(path):
        assert process.poll() is None, "%s has ended" % module
        assert time.monotonic() < end, "%s does not listen" % module
        time.sleep(0.01)
    return path


def kill_all(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def accepts(path):
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(path) == 0
