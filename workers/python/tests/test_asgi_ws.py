"""The websocket scope of the asgi class."""

import socket
import struct
import time

from tests.case import WorkerCase
from tests.front import CANCEL, DRAIN, PATIENCE, REQUEST, RESPONSE
from tests.test_asgi import ASGICase

ACCEPT, COMPLETE, END = 6, 0, 3
TEXT, BINARY, CLOSE = 1, 2, 8


class Client:
    """A front's end of a WebSocket."""

    def __init__(self, wire, target, subprotocols=()):
        self.wire = wire
        wire.ident += 1
        self.ident = wire.ident
        more = {"type": "websocket", "scheme": "ws", "subprotocols": list(subprotocols)}
        scope = wire.head("GET", target, None, more)
        del scope["method"]
        self.sock, far = socket.socketpair()
        self.sock.settimeout(PATIENCE)
        with far:
            wire.send(REQUEST, [(self.ident, 3, scope, None)], [far.fileno()])
        self.data = b""

    def answer(self):
        """(kind, status, headers, body)"""
        item = self.wire.expect(RESPONSE)
        assert item[0] == self.ident, item
        return item[1:5]

    def send(self, kind, body):
        self.sock.sendall(struct.pack("<IB", len(body), kind) + body)

    def read(self):
        """(kind, body), None at the end."""
        while len(self.data) < 5 or len(self.data) < 5 + struct.unpack_from("<I", self.data)[0]:
            data = self.sock.recv(65536)
            if not data:
                assert not self.data
                return None
            self.data += data
        size, kind = struct.unpack_from("<IB", self.data)
        body, self.data = self.data[5:5 + size], self.data[5 + size:]
        return kind, body

    def close(self):
        self.sock.close()


class Sockets(ASGICase):

    def open(self, target, *subprotocols):
        client = Client(self.wire, target, subprotocols)
        self.addCleanup(client.close)
        return client

    def test_echo(self):
        client = self.open("/ws_echo", "chat", "other")
        self.assertEqual(client.answer(), (ACCEPT, None, [("x-mine", "1")], "chat"))
        for kind, body in ((TEXT, "naïve".encode()), (BINARY, bytes(range(256))), (TEXT, b""),
                           (BINARY, b"x" * 200000)):
            client.send(kind, body)
            self.assertEqual(client.read(), (kind, body))
        client.send(CLOSE, struct.pack(">H", 4001) + b"enough")
        self.assertIsNone(client.read())
        self.assertEqual(client.answer(), (END, 1, None, 0))
        self.wait_app_log("disconnect 4001 enough")

    def test_closed_without_a_code(self):
        client = self.open("/ws_echo")
        client.answer()
        client.send(CLOSE, b"")
        self.assertEqual(client.answer()[0], END)
        self.wait_app_log("disconnect 1005 ")

    def test_client_gone(self):
        client = self.open("/ws_echo")
        client.answer()
        client.close()
        self.assertEqual(client.answer()[0], END)
        self.wait_app_log("disconnect 1006 ")

    def test_cancelled(self):
        client = self.open("/ws_echo")
        client.answer()
        self.wire.send(CANCEL, [client.ident])
        self.assertEqual(client.answer(), (END, 1, None, 0))

    def test_refused(self):
        self.assertEqual(self.open("/ws_refuse").answer(), (COMPLETE, "403", [], b""))

    def test_answered(self):
        self.assertEqual(self.open("/ws_answer").answer(),
                         (COMPLETE, "401", [("content-type", "text/plain")], b"who are you"))

    def test_application_closes(self):
        client = self.open("/ws_close")
        client.answer()
        self.assertEqual(client.read(), (TEXT, b"bye"))
        self.assertEqual(client.read(), (CLOSE, struct.pack(">H", 4000) + b"done"))
        self.assertIsNone(client.read())

    def test_application_raises(self):
        client = self.open("/ws_raise")
        self.assertEqual(client.answer()[0], ACCEPT)
        self.assertEqual(client.read(), (CLOSE, struct.pack(">H", 1011)))
        self.worker.wait_log("RuntimeError: in the socket")
        self.assertEqual(client.answer()[0], END)
        self.assertEqual(self.open("/ws_raise_early").answer()[:2], (COMPLETE, "500"))
        self.assertEqual(self.open("/ws_mute").answer()[:2], (COMPLETE, "500"))


class Ends(WorkerCase):

    def test_drain(self):
        """Clients are told to connect anew."""
        worker, wire = self.served("asgi_app:app", "--class=asgi")
        client = Client(wire, "/ws_echo")
        self.addCleanup(client.close)
        client.answer()
        wire.send(DRAIN, None)
        self.assertEqual(client.read(), (CLOSE, struct.pack(">H", 1012)))
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)


class StreamedBodies(ASGICase):

    def streamed(self, *parts, target="/echo"):
        """Sends a request whose body comes part by part; gives its id and the sending end."""
        near, far = socket.socketpair()
        near.settimeout(PATIENCE)
        self.addCleanup(near.close)
        self.wire.ident += 1
        with far:
            head = self.wire.head("POST", target, None, {})
            self.wire.send(REQUEST, [(self.wire.ident, 2, head, None)], [far.fileno()])
        for part in parts:
            near.sendall(framed(part))
        return self.wire.ident, near

    def test_body(self):
        ident, near = self.streamed(b"one ")
        for byte in framed(b"two") + framed(b""):
            near.sendall(bytes([byte]))
        self.assertEqual(self.wire.answer(ident).body, b"one two")

    def test_asks_for_the_body(self):
        """The front learns when the application wants the body, for 100 Continue."""
        ident, near = self.streamed()
        self.assertEqual(near.recv(10), b"?")
        near.sendall(framed(b""))
        self.assertEqual(self.wire.answer(ident).body, b"")
        ident, near = self.streamed(target="/hello")
        self.assertEqual(self.wire.answer(ident).body, b"hello")
        self.assertEqual(near.recv(10), b"")

    def test_parts_as_they_come(self):
        ident, near = self.streamed(target="/parrot")
        pipe = self.wire.answer(ident, read_stream=False).pipe
        self.addCleanup(pipe.close)
        pipe.settimeout(PATIENCE)
        for part in (b"one", b"two", b"x" * 50000):
            near.sendall(framed(part))
            got = b""
            while len(got) < len(part):
                got += pipe.recv(1 << 20)
            self.assertEqual(got, part)
        near.sendall(framed(b""))
        self.assertEqual(pipe.recv(10), b"")
        self.assertEqual(self.wire.expect(RESPONSE)[1:5], (END, 1, None, 50006))

    def test_cut_short(self):
        """A body without its end is none: the front has gone, or its client."""
        ident, near = self.streamed(b"one", target="/receive_all")
        near.sendall(framed(b"two")[:5])
        near.close()
        self.assertEqual(self.wire.answer(ident).whole, False)
        self.wait_app_log("http.request http.request http.disconnect")

    def test_a_cancelled_receive_loses_nothing(self):
        ident, near = self.streamed(target="/impatient")
        self.assertEqual(near.recv(10), b"?")
        for byte in framed(b"abc") + framed(b""):
            time.sleep(0.02)
            near.sendall(bytes([byte]))
        self.assertEqual(self.wire.answer(ident).body, b"abc")

    def test_cancelled(self):
        ident, _ = self.streamed(b"one")
        self.assertEqual(self.body("/hello"), b"hello")
        self.wire.send(CANCEL, [ident])
        self.assertEqual(self.wire.expect(RESPONSE)[0], ident)


def framed(part):
    return struct.pack("<I", len(part)) + part
