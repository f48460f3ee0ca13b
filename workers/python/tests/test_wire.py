"""Parts of the wire that need no process."""

import marshal
import unittest

from kirin_worker.wire import COMPLETE, HEADER, INLINE, MAX_WRITE, RESPONSE, Connection, encode, frame


class Str(str):
    pass


class Bytes(bytes):
    pass


class Number(int):
    pass


class Encode(unittest.TestCase):
    """The encoder for what marshal.dumps refuses, against marshal itself."""

    def test_same_as_marshal(self):
        for value in [None, True, False, 0, 1, -1, 2 ** 31 - 1, -2 ** 31, 2 ** 31, 2 ** 40, -2 ** 70, "",
                      "text", "caf\xe9", "\u9e92", "\udc80", b"", b"bytes", (), (1, "a", None), ((), (b"",))]:
            with self.subTest(value):
                self.assertEqual(encode(value), marshal.dumps(value, 2))

    def test_subclasses(self):
        value = (Number(5), Str("200 OK"), ((Str("a"), "b"),), Bytes(b"c"))
        self.assertEqual(marshal.loads(encode(value)), (5, "200 OK", (("a", "b"),), b"c"))
        self.assertEqual(frame(RESPONSE, [value])[8:], encode([value]))

    def test_header(self):
        data = frame(RESPONSE, [1], 3)
        self.assertEqual(HEADER.unpack(data[:8]), (len(data) - 8, RESPONSE, 3, 0))


class Socket:
    """Takes everything that is sent."""

    def __init__(self):
        self.sent = []
        self.recvmsg = None

    def fileno(self):
        return -1

    def send(self, data):
        self.sent.append(data)
        return len(data)


class Batches(unittest.TestCase):

    def responses(self, *sizes):
        sock = Socket()
        conn = Connection(sock)
        for ident, size in enumerate(sizes, 1):
            conn.post((ident, COMPLETE, "200 OK", [("X", "h" * size)], b""), size)
        conn.flush()
        for data in sock.sent:
            self.assertLessEqual(len(data) - 8, MAX_WRITE)
        return [item for data in sock.sent for item in marshal.loads(data[8:])], len(sock.sent)

    def test_together(self):
        items, writes = self.responses(*[10] * 20)
        self.assertEqual(([item[0] for item in items], writes), (list(range(1, 21)), 1))

    def test_large_bodies_go_in_small_frames(self):
        sock = Socket()
        conn = Connection(sock)
        for ident in range(20):
            conn.post((ident, COMPLETE, "200 OK", [], b"x" * INLINE), INLINE)
        conn.flush()
        self.assertEqual([item[0] for data in sock.sent for item in marshal.loads(data[8:])], list(range(20)))
        self.assertLess(max(map(len, sock.sent)), 3 * INLINE)

    def test_heads_that_are_too_long_for_one_frame(self):
        items, writes = self.responses(*[1 << 20] * 9)
        self.assertEqual([item[0] for item in items], list(range(1, 10)))
        self.assertGreater(writes, 2)

    def test_a_head_that_is_too_long_for_any(self):
        items, _ = self.responses(10, 5 << 20, 10)
        self.assertEqual([item[2] for item in items], ["200 OK", "500 Internal Server Error", "200 OK"])
