"""An application with children."""

import ctypes
import multiprocessing
import os
import signal
import sys
import time

PIDS = []
C = ctypes.CDLL if sys.implementation.name == "pypy" else ctypes.PyDLL


def square(number):
    return number * number


def respond(path, query):
    if path == "/sleeper":
        pid = os.fork()
        if not pid:
            time.sleep(60)
            os._exit(0)
        PIDS.append(pid)
        return str(pid)
    if path == "/hidden":
        pid = C(None).fork()    # as a library in C does it: no hook of Python's runs
        if not pid:
            time.sleep(60)
            os._exit(0)
        return str(pid)
    if path == "/terminate":
        os.kill(PIDS[-1], signal.SIGTERM)
        return str(-os.waitpid(PIDS.pop(), 0)[1])
    if path == "/returns":
        pid = os.fork()
        PIDS.append(pid)
        return "parent" if pid else "child"
    if path == "/waits":
        return str(os.waitpid(PIDS.pop(), 0)[1])
    if path == "/pool":
        with multiprocessing.get_context(query).Pool(2) as pool:
            return str(pool.map(square, range(4)))
    names = ("LISTEN_", "NOTIFY_", "WATCHDOG_")
    return " ".join(name for name in os.environ if name.startswith(names))


def stream():
    yield b"first"
    pid = os.fork()
    if not pid:
        time.sleep(60)
        os._exit(0)
    yield b"second"
    PIDS.append(pid)


def shared():
    """A stream that the child goes on with, too."""
    yield b"first"
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
    yield b"second"


def app(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/stream":
        return stream()
    if environ["PATH_INFO"] == "/shared":
        return shared()
    return [respond(environ["PATH_INFO"], environ["QUERY_STRING"]).encode()]
