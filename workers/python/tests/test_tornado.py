"""The tornado class."""

import os
import socket
import unittest

from tests.case import ServedCase, WorkerCase
from tests.front import CANCEL, DRAIN, PATIENCE, REQUEST, RESPONSE, STATUS
from tests.test_upgrade import ACCEPT, END

HANDSHAKE = [(b"host", b"test"), (b"upgrade", b"websocket"), (b"connection", b"Upgrade"),
             (b"sec-websocket-version", b"13"), (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")]


def upgrade(case, wire, target):
    """Sends the handshake of a WebSocket; gives our end of its socket."""
    ours, theirs = socket.socketpair()
    case.addCleanup(ours.close)
    ours.settimeout(PATIENCE)
    wire.ident += 1
    with theirs:
        head = dict(wire.head("GET", target, None, {}), headers=HANDSHAKE)
        wire.send(REQUEST, [(wire.ident, 4, head, None)], [theirs.fileno()])
    return ours


def read(sock, size):
    data = b""
    while len(data) < size:
        data += sock.recv(size - len(data))
    return data


class Served(ServedCase):
    application = "torn:app"
    options = ("--class=tornado", "--worker-connections=50")

    def notes(self, wanted):
        """Waits for a note of the application's."""
        for _ in range(200):
            if wanted in self.get("/notes").body.decode():
                return
        self.fail("no note %r" % wanted)

    def test_hello(self):
        hello = self.wire.hello
        self.assertEqual((hello["class"], hello["interface"], hello["slots"]), ("tornado", "asgi", 50))
        self.assertEqual((hello["timed"], hello["upgrades"]), (False, True))

    def test_request(self):
        response = self.get("/?a=%C3%A9")
        self.assertEqual(response.status, "202 Taken")
        self.assertEqual(response.body.decode()[:13], "('/?a=%C3%A9'")
        self.assertTrue(response.body.endswith(b"True)"), response.body)

    def test_bodies(self):
        self.assertEqual(self.get("/", "POST", b"").body, b"")
        self.assertEqual(self.get("/", "POST", b"short").body, b"short")
        long = os.urandom(300000)
        self.assertEqual(self.wire.answer(self.wire.spooled("/", long)).body, long)

    def test_body_part_by_part(self):
        response = self.wire.answer(self.wire.spooled("/streamed", b"x" * 300000))
        self.assertEqual(response.body, b"xxxxx300000")
        self.assertTrue(response.whole)

    def test_many_at_once(self):
        idents = self.wire.batch(["/sleep?0.2"] * 20)
        self.assertEqual(sorted(self.wire.answer().ident for _ in idents), idents)

    def test_stream(self):
        response = self.get("/stream?50,10000")
        self.assertEqual(len(response.body), 500000)
        self.assertTrue(response.whole)

    def test_back_pressure(self):
        slow = self.wire.answer(self.wire.request("/stream?200,100000"), read_stream=False)
        self.assertEqual(self.get("/").status, "202 Taken")
        self.wire.finish(slow)
        self.assertEqual((slow.whole, len(slow.body)), (True, 20000000))

    def test_client_gone_from_a_stream(self):
        slow = self.wire.answer(self.wire.request("/stream?2000,100000"), read_stream=False)
        slow.pipe.close()
        self.assertEqual(self.wire.expect(RESPONSE)[:3], (slow.ident, END, 0))
        self.notes("closed")

    def test_client_gone(self):
        ident = self.wire.request("/sleep?30")
        self.get("/")
        self.wire.send(CANCEL, [ident])
        self.assertEqual(self.wire.expect(RESPONSE)[:3], (ident, END, 0))
        self.notes("gone")

    def test_errors(self):
        self.assertEqual(self.get("/raises").status, "500 Internal Server Error")
        self.assertEqual(self.get("/nowhere").status, "404 Not Found")
        self.assertEqual(self.get("/detaches").status, "500")

    def test_websocket(self):
        ours = upgrade(self, self.wire, "/echo")
        self.assertEqual(self.wire.expect(RESPONSE), (self.wire.ident, ACCEPT, None, [], None, None))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += ours.recv(1)
        self.assertTrue(head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n"), head)
        self.assertIn(b"\r\nSec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", head)
        ours.sendall(b"\x81\x82\0\0\0\0hi")
        self.assertEqual(read(ours, 4), b"\x81\x02hi")
        ours.sendall(b"\x88\x82\0\0\0\0\x0f\xa1")       # 4001
        self.assertEqual(read(ours, 4)[:2], b"\x88\x02")
        ours.close()
        self.assertEqual(self.wire.expect(RESPONSE)[:3], (self.wire.ident, END, 1))
        self.notes("socket closed 4001")

    def test_websocket_torn_off(self):
        ours = upgrade(self, self.wire, "/echo")
        self.assertEqual(self.wire.expect(RESPONSE)[1], ACCEPT)
        ours.close()
        self.assertEqual(self.wire.expect(RESPONSE)[:2], (self.wire.ident, END))
        self.notes("socket closed None")

    def test_upgrade_that_is_none(self):
        ours = upgrade(self, self.wire, "/")
        self.assertEqual(self.wire.answer().status, "202 Taken")
        self.assertEqual(ours.recv(1), b"")

    def test_message_socket_of_asgi(self):
        """The front had workers of the class asgi when it began the request."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.wire.ident += 1
        with theirs:
            self.wire.send(REQUEST, [(self.wire.ident, 3, self.wire.head("GET", "/echo", None, {}), None)],
                           [theirs.fileno()])
        self.assertEqual(self.wire.answer().status, "503 Service Unavailable")


class Ends(WorkerCase):

    def start(self, application="torn:app", *options, **settings):
        return WorkerCase.start(self, application, "--class=tornado", *options, **settings)

    def test_drain(self):
        worker, wire = self.served()
        ident = wire.request("/sleep?0.3")
        wire.send(DRAIN, None)
        self.assertEqual(wire.answer(ident).body, b"/sleep")
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)

    def test_terminate(self):
        worker, wire = self.served()
        ident = wire.request("/sleep?0.3")
        worker.kill()
        self.assertIn("stopping", wire.expect(STATUS))
        wire.send(DRAIN, None)
        self.assertEqual(wire.answer(ident).body, b"/sleep")
        self.assertEqual(worker.wait(), 0)

    def test_interrupt(self):
        worker, wire = self.served()
        wire.request("/sleep?60")
        wire.get("/")
        worker.kill(2)
        self.assertEqual(worker.wait(), 0)
        self.assertNotIn("Traceback", worker.log())

    def test_max_requests(self):
        _, wire = self.served("torn:app", "--max-requests=2")
        wire.get("/")
        wire.get("/")
        self.assertEqual(wire.expect(STATUS), {"retire": "max_requests"})

    def test_blocked_loop(self):
        worker, wire = self.served("torn:app", "--timeout=1", notify=True)
        wire.request("/sleep?600")
        ident = wire.request("/spin?600")
        self.assertEqual(wire.expect(STATUS), {"overtime": [ident]})
        worker.notified("WATCHDOG=trigger")
        log = worker.wait_log("GET /sleep?600")
        self.assertIn("the event loop has stood still for 1 s: GET /spin?600", log)
        self.assertRegex(log, r"Task-\d+ \(GET /sleep\?600\)\n(.*\n)*.*await asyncio.sleep")
        worker.kill(6)
        self.assertEqual(worker.wait(), -6)

    def test_a_slow_request_is_not_over_its_time(self):
        _, wire = self.served("torn:app", "--timeout=0.2")
        self.assertEqual(wire.get("/sleep?0.7").body, b"/sleep")


class WSGI(ServedCase):
    """A WSGI callable in Tornado's loop."""

    options = ("--class=tornado",)

    def test_hello(self):
        hello = self.wire.hello
        self.assertEqual((hello["class"], hello["interface"], hello["slots"]), ("tornado", "wsgi", 1))
        self.assertEqual((hello["timed"], hello["upgrades"]), (True, False))

    def test_bodies(self):
        for size in (0, 1000, 70000):
            self.assertEqual(len(self.body("/large?%d" % size)), size)
            self.assertEqual(self.wire.answer(self.wire.spooled("/echo", b"x" * size)).body, b"x" * size)

    def test_in_order(self):
        idents = self.wire.batch(["/tuple_"] * 5)
        self.assertEqual([self.wire.answer().ident for _ in idents], idents)

    def test_error(self):
        self.fails("/raises", "Error")

    def test_stream(self):
        self.assertEqual(len(self.body("/stream?100,10000")), 1000000)


class WSGIEnds(WorkerCase):

    def start(self, application="slow:app", *options, **settings):
        return WorkerCase.start(self, application, "--class=tornado", *options, **settings)

    def test_drain(self):
        worker, wire = self.served()
        idents = wire.batch(["/sleep?0.2", "/"])
        wire.send(DRAIN, None)
        self.assertEqual([wire.answer().ident for _ in idents], idents)
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)

    def test_cancelled_before_it_begins(self):
        _, wire = self.served()
        first, second = 1, 2
        targets = [(first, "/sleep?0.5"), (second, "/")]
        requests = [(ident, 0, wire.head("GET", target, None, {}), None) for ident, target in targets]
        wire.sock.sendall(wire.frame(REQUEST, requests) + wire.frame(CANCEL, [second]))     # read at once
        self.assertEqual(wire.answer(first).status, "200 OK")
        self.assertEqual(wire.expect(RESPONSE)[:2], (second, 4))

    def test_over_its_time(self):
        worker, wire = self.served("slow:app", "--timeout=0.4", notify=True)
        ident = wire.request("/sleep?60")
        self.assertEqual(wire.expect(STATUS), {"overtime": [ident]})
        worker.notified("WATCHDOG=trigger")
        worker.kill(6)
        self.assertEqual(worker.wait(), -6)


class Others(WorkerCase):

    def refused(self, *arguments):
        worker = self.start(*arguments)
        wire = worker.connect(hello=False)
        from tests.front import HELLO
        return wire.expect(HELLO)["error"]

    def test_recognised(self):
        worker, wire = self.served("torn:app", "--class=auto")
        self.assertEqual(wire.hello["class"], "tornado")
        self.assertEqual(wire.get("/").status, "202 Taken")
        self.assertIn(b"True)", wire.get("/").body)     # the loop that the application found is the one

    def test_another_class(self):
        self.assertIn("is an application of Tornado's", self.refused("torn:app", "--class=gthread"))

    def test_asgi(self):
        self.assertIn("is an ASGI application", self.refused("asgi_app:app", "--class=tornado"))


class Missing(unittest.TestCase):

    def test_what_to_install(self):
        import sys
        from kirin_worker import tornado_server
        from kirin_worker.errors import WorkerError
        from kirin_worker.options import Options
        kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "tornado"}
        sys.modules["tornado"] = None
        try:
            with self.assertRaisesRegex(WorkerError, "python3-tornado in Debian"):
                tornado_server.prepare(Options())
        finally:
            del sys.modules["tornado"]
            sys.modules.update(kept)
