"""How servers are started, found out and stopped; the worker classes that kirin has."""

import contextlib
import os
import socket
import ssl
import tempfile
import threading
import unittest

from benchlib import native, servers
from benchlib.servers import APPLICATIONS, App, BenchError

HELP = """Worker Processes:
  -w, --workers INT             worker processes [1]
  -k, --worker-class CLASS      sync (one request at a time in each worker), gevent or
                                gthread (threads) [sync]
      --threads INT             threads in each worker; asgi has none [1]
"""


class WorkerClass(unittest.TestCase):
    def test_named_and_not_named(self):
        self.assertTrue(servers.has_class(HELP, "gevent"))
        self.assertFalse(servers.has_class(HELP, "asgi"))
        self.assertFalse(servers.has_class("", "gevent"))


@contextlib.contextmanager
def answering(answer, context=None):
    """Answer one connection so, over TLS where there is a context, and yield where."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve():
            connection = listener.accept()[0]
            with context.wrap_socket(connection, server_side=True) if context else connection as s:
                s.recv(65536)
                s.sendall(answer)
        thread = threading.Thread(target=serve)
        thread.start()
        yield "127.0.0.1:%d" % listener.getsockname()[1]
        thread.join(10)


class Verify(unittest.TestCase):
    APP = App(b"right", {})

    def verify(self, answer):
        with answering(answer) as addr:
            servers.verify(addr, self.APP)

    def test_right(self):
        self.verify(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright")

    def test_wrong(self):
        for answer in (b"HTTP/1.1 200 OK\r\n\r\nwrong", b"HTTP/1.1 200 OK\r\n\r\nright!", b"",
                       b"HTTP/1.1 500 Oh\r\n\r\nright"):
            with self.subTest(answer=answer), self.assertRaisesRegex(BenchError, "unexpected answer"):
                self.verify(answer)


class Secure(unittest.TestCase):
    def test_is_asked_over_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            servers.certify(folder)
            context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
        with answering(b"HTTP/1.1 200 OK\r\n\r\nright", context) as addr:
            servers.verify(addr, App(b"right", {}, tls=True))


class Floor(unittest.TestCase):
    """The smallest server, really started."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.binaries = native.build(folder.name)

    def test_serves_every_application_that_it_has(self):
        for name, app in APPLICATIONS.items():
            if "floor" in app.modules:
                with self.subTest(name), servers.running("floor", name, self.binaries) as server:
                    servers.verify(server.addr, app)

    def test_is_stopped(self):
        with servers.running("floor", "hello", self.binaries) as server:
            pid = server.roots[0]
        self.assertFalse(os.path.exists("/proc/%d" % pid))

    def test_that_does_not_start(self):
        script = os.path.join(tempfile.mkdtemp(), "floor")
        with open(script, "w") as f:
            f.write("#!/bin/sh\necho out of luck\nexit 1\n")
        os.chmod(script, 0o755)
        with self.assertRaisesRegex(BenchError, "does not answer.*\nout of luck"):
            with servers.running("floor", "hello", {"floor": script}):
                pass
