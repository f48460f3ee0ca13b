"""What travels between the clients of dirty workers, their arbiter and a worker, and the names of Gunicorn's."""

import enum
import os
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

from kirin_worker import dirty_arbiter, dirty_errors
from kirin_worker.dirty_errors import DirtyAppError, DirtyError, DirtyProtocolError
from kirin_worker.dirty_wire import CALL, HEADER, MAX, RESULT, pack, plain, receive, size_of, unpack
from tests.front import PACKAGE


class Colour(enum.IntEnum):
    RED = 3


class Text(str):
    pass


class Number(float):
    pass


class Values(unittest.TestCase):

    def test_plain(self):
        value = plain([Colour.RED, Text("x"), Number(1.5), (1, 2), {Text("k"): None}])
        self.assertEqual(value, [3, "x", 1.5, [1, 2], {"k": None}])
        self.assertEqual([type(item) for item in value], [int, str, float, list, dict])

    def test_refused(self):
        deep = []
        for _ in range(100000):
            deep = [deep]
        for value in object(), {1: 2}, {1}, 1j, [bytearray(b"x")], deep, Exception:
            with self.assertRaises(DirtyProtocolError):
                pack(RESULT, value)

    def test_frames(self):
        near, far = socket.socketpair()
        with near, far:
            far.sendall(pack(RESULT, {"a": [1]}) + pack(CALL, None) + b"\x05\0")
            far.shutdown(socket.SHUT_WR)
            self.assertEqual(receive(near), (RESULT, {"a": [1]}))
            self.assertEqual(receive(near), (CALL, None))
            with self.assertRaises(EOFError):
                receive(near)
        with self.assertRaises(DirtyProtocolError):
            size_of(HEADER.pack(MAX + 1, RESULT))

    def test_nonsense(self):
        good = pack(RESULT, [1, "x", {"k": b"v"}])[HEADER.size:]
        for data in [good[:cut] for cut in range(len(good))] + [b"\x01", b"c" + good]:
            with self.assertRaises(DirtyProtocolError):
                unpack(data)

    def test_errors_survive(self):
        kinds = [value for value in vars(dirty_errors).values() if isinstance(value, type)]
        self.assertEqual(len(kinds), 11)
        for kind in kinds:
            error = DirtyError.from_dict({"error_type": kind.__name__, "message": "m", "details": {}})
            self.assertIs(type(error), kind)
            self.assertEqual(str(error), "m")
        error = DirtyError.from_dict(DirtyAppError("m", "a:B", "c", "t").to_dict())
        self.assertEqual((error.app_path, error.action, error.traceback), ("a:B", "c", "t"))
        self.assertIs(type(DirtyError.from_dict({"error_type": "Other"})), DirtyError)

    def test_trusted(self):
        class Peer:
            def __init__(self, uid):
                self.uid = uid

            def getsockopt(self, *_):
                return struct.pack("3i", 1, self.uid, 1)

        own = dirty_arbiter.os.geteuid()
        self.assertEqual([dirty_arbiter.trusted(Peer(uid)) for uid in (own, 0, own + 1)], [True, True, False])


class Names(unittest.TestCase):
    """What an application can import."""

    CODE = """
import sys
from kirin_worker import shim
shim.install()
from gunicorn.dirty import (DirtyApp, DirtyArbiter, DirtyClient, DirtyError, StashClient, StashTable,
                            close_dirty_client, close_dirty_client_async, get_dirty_client, get_dirty_client_async,
                            set_dirty_socket_path, stash, DirtyTimeoutError, StashKeyNotFoundError)
from gunicorn.dirty.app import load_dirty_app
from gunicorn.dirty.client import DirtyStreamIterator, get_dirty_socket_path
from gunicorn.dirty.errors import DirtyNoWorkersAvailableError
from gunicorn.dirty.stash import StashTableNotFoundError, put, table
import gunicorn, gunicorn.dirty
assert gunicorn.dirty.stash is stash and gunicorn.dirty.DirtyError is DirtyError
print(getattr(gunicorn, "mark", ""), get_dirty_client(3).timeout, "asyncio" in sys.modules)
"""

    def run_with(self, **env):
        env = dict({"PYTHONPATH": PACKAGE, "PATH": "/usr/bin:/bin", "GUNICORN_DIRTY_SOCKET": "@kirin-dirty-x:1"}, **env)
        command = [sys.executable, "-S", "-c", self.CODE]
        return subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True).stdout

    def test_without_gunicorn(self):
        self.assertEqual(self.run_with(), b" 3 False\n")

    def test_with_gunicorn(self):
        """Its own gunicorn.dirty does not speak to our workers."""
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(folder + "/gunicorn/dirty")
            with open(folder + "/gunicorn/__init__.py", "w") as file:
                file.write("mark = 'real'\n")
            with open(folder + "/gunicorn/dirty/__init__.py", "w") as file:
                file.write("raise RuntimeError('the real one')\n")
            self.assertEqual(self.run_with(PYTHONPATH=PACKAGE + ":" + folder), b"real 3 False\n")
