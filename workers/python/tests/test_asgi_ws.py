"""The websocket scope of the asgi class."""

import socket
import struct
import time

from tests.case import WorkerCase
from tests.front import CANCEL, DRAIN, MESSAGES, PATIENCE, REQUEST, RESPONSE
from tests.test_asgi import ASGICase

ACCEPT, COMPLETE, END = 6, 0, 3
TEXT, BINARY, CLOSE, CREDIT = 1, 2, 8, 9
PART, WINDOW, COST = 64 << 10, 128 << 10, 64


def handshake(wire, target, subprotocols):
    """The id and the scope of a request for a WebSocket."""
    wire.ident += 1
    more = {"type": "websocket", "scheme": "ws", "subprotocols": list(subprotocols)}
    scope = wire.head("GET", target, None, more)
    del scope["method"]
    return wire.ident, scope


class Client:
    """A front's end of a WebSocket."""

    def __init__(self, wire, target, subprotocols=()):
        self.wire = wire
        self.ident, scope = handshake(wire, target, subprotocols)
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


class Framed:
    """A front's end of a WebSocket whose messages come in frames of all of them."""

    grants = True       # room for what was read, at once

    def __init__(self, wire, target, subprotocols=()):
        self.wire = wire
        self.ident, scope = handshake(wire, target, subprotocols)
        wire.send(REQUEST, [(self.ident, 5, scope, None)])
        self.items = []
        self.credits = []
        self.over = False

    answer = Client.answer

    def say(self, kind, data):
        self.wire.send(MESSAGES, [(self.ident, kind, data)])

    def send(self, kind, body):
        self.over = self.over or kind == CLOSE
        if kind == CLOSE or len(body) <= PART:
            self.say(kind, body.decode() if kind == TEXT else body)
            return
        for at in range(0, len(body), PART):
            last = at + PART >= len(body)
            self.say((0 if at else kind) | (0 if last else 16), body[at:at + PART])

    def item(self):
        """(kind, data) of the next message or piece; None at the end."""
        while not self.items:
            waiting, self.wire.inbox = self.wire.inbox, []
            for kind, value in waiting:
                if kind == MESSAGES:
                    assert all(ident == self.ident for ident, _, _ in value)
                    self.items += [(kind, data) for _, kind, data in value if kind != CREDIT]
                    self.credits += [data for _, kind, data in value if kind == CREDIT]
                else:
                    self.wire.inbox.append((kind, value))
            if self.items:
                break
            if any(kind == RESPONSE and value[1] == END for kind, value in self.wire.inbox):
                return None
            found, value = self.wire.read()
            self.wire.inbox += [(found, item) for item in (value if found == RESPONSE else [value])]
        return self.items.pop(0)

    def read(self):
        item = self.item()
        if item is None:
            return None
        first, whole, more = item[0] & ~16, b"", True
        while more:
            kind, data = item
            data = data.encode() if isinstance(data, str) else data
            assert len(data) <= PART
            whole += data
            if self.grants and first != CLOSE:
                self.say(CREDIT, len(data) + COST)
            more = kind & 16
            if more:
                item = self.item()
                assert item[0] & ~16 == 0, item
        return first, whole

    def close(self):
        if not self.over:
            self.over = True
            try:
                self.say(CLOSE, None)
            except OSError:
                pass


class Patient(Framed):
    grants = False


class Sockets(ASGICase):

    client = Client

    def open(self, target, *subprotocols):
        client = self.client(self.wire, target, subprotocols)
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


class FramedSockets(Sockets):
    """The same by frames, and what is their own."""

    client = Framed

    def test_worker_knows_of_them(self):
        self.assertIs(self.wire.hello["messages"], True)

    def test_credit(self):
        """The worker tells what the application has taken, and no more."""
        client = self.open("/ws_echo")
        client.answer()
        body = b"x" * 60000
        for _ in range(8):
            client.send(BINARY, body)
            self.assertEqual(client.read(), (BINARY, body))
        client.send(CLOSE, b"")
        self.assertIsNone(client.read())
        spent = 8 * (len(body) + COST)
        self.assertLessEqual(sum(client.credits), spent)
        self.assertGreater(sum(client.credits), spent - WINDOW // 2)
        self.assertEqual(client.answer()[0], END)

    def test_window(self):
        """The application waits while the front has enough."""
        client = Patient(self.wire, "/ws_flood")
        self.addCleanup(client.close)
        client.answer()
        for n in range(3):
            self.assertEqual(client.read(), (BINARY, b"%d" % n * 60000))
        self.assertTrue(self.wire.quiet())
        client.say(CREDIT, 60064)
        self.assertEqual(client.read(), (BINARY, b"3" * 60000))
        self.assertTrue(self.wire.quiet())
        client.close()
        self.assertEqual(client.answer()[0], END)

    def test_nobody_asks(self):
        """A long message gets no room while the application does not ask for one."""
        client = self.open("/ws_deaf")
        client.answer()
        for kind in TEXT | 16, 16:
            client.say(kind, b"x" * PART)
        self.assertTrue(self.wire.quiet())
        self.wire.send(CANCEL, [client.ident])

    def test_a_long_message_is_sent_to_its_end(self):
        """Also when the application does not wait for that; and nothing comes between its pieces."""
        client = Patient(self.wire, "/ws_impatient")
        self.addCleanup(client.close)
        client.answer()
        self.wait_app_log("timeout")
        client.say(CREDIT, 100 * WINDOW)
        self.assertEqual(client.read(), (BINARY, b"x" * 300000))
        self.assertEqual(client.read(), (TEXT, b"y" * 100000))
        self.assertEqual(client.read(), (TEXT, b"after"))
        self.assertEqual(client.read(), (CLOSE, struct.pack(">H", 1000)))

    def test_one_frame_for_many(self):
        """What many WebSockets say in one turn comes in few frames."""
        clients = [self.open("/ws_echo") for _ in range(20)]
        for client in clients:
            self.assertEqual(client.answer()[0], ACCEPT)
        self.wire.send(MESSAGES, [(client.ident, TEXT, str(client.ident)) for client in clients])
        got, frames = [], 0
        while len(got) < len(clients):
            got += self.wire.expect(MESSAGES)
            frames += 1
        self.assertEqual(sorted(got), sorted((client.ident, TEXT, str(client.ident)) for client in clients))
        self.assertLess(frames, 10)

    def test_messages_of_none(self):
        """Messages for what has ended, or never was, are passed over."""
        self.wire.send(MESSAGES, [(1000, TEXT, "x"), (1001, CLOSE, None), (1002, CREDIT, 1)])
        self.assertEqual(self.body("/hello"), b"hello")


class Ends(WorkerCase):

    client = Client

    def test_drain(self):
        """Clients are told to connect anew."""
        worker, wire = self.served("asgi_app:app", "--class=asgi")
        client = self.client(wire, "/ws_echo")
        self.addCleanup(client.close)
        client.answer()
        wire.send(DRAIN, None)
        self.assertEqual(client.read(), (CLOSE, struct.pack(">H", 1012)))
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)


class FramedEnds(Ends):
    client = Framed


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
