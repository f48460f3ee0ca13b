"""The wire: frames cut anywhere, of unknown types, from several fronts; HELLO, DRAIN, end of file."""

import os
import struct
from time import monotonic

from tests.case import ServedCase, WorkerCase
from tests.front import CANCEL, DRAIN, REQUEST, RESPONSE, environ


class Hello(ServedCase):
    """The first frame."""

    def test_sync(self):
        started = self.wire.hello.pop("started")
        self.assertTrue(monotonic() - 60 < started / 1e6 < monotonic(), started)
        self.assertEqual(self.wire.hello, {
            "version": 1, "pid": self.worker.process.pid, "slots": 1, "class": "sync", "interface": "wsgi",
            "timed": True, "upgrades": True, "messages": False, "error": None})

    def test_every_connection_gets_one(self):
        others = [self.worker.connect() for _ in range(3)]
        for wire in others:
            self.assertEqual(wire.hello, self.wire.hello)
            self.assertEqual(wire.get("/tuple_").body, b"one two")


class Cuts(ServedCase):
    """A frame has no right to arrive in one piece."""

    def test_byte_by_byte(self):
        for byte in self.wire.frame(REQUEST, [(1, 0, environ("POST", "/echo", CONTENT_LENGTH="3"), b"abc")]):
            self.wire.sock.sendall(bytes([byte]))
        self.assertEqual(self.wire.answer(1).body, b"abc")

    def test_two_and_a_half(self):
        frames = [self.wire.frame(REQUEST, [(n, 0, environ("GET", "/tuple_"), None)]) for n in (1, 2, 3)]
        data = b"".join(frames)
        for cut in (1, 7, 8, 9, len(frames[0]), len(frames[0]) + 4, len(data) - 1):
            self.wire.sock.sendall(data[:cut])
            self.wire.sock.sendall(data[cut:])
            for ident in (1, 2, 3):
                self.assertEqual(self.wire.answer(ident).body, b"one two")

    def test_large(self):
        body = os.urandom(8 << 20)
        self.assertEqual(self.get("/echo", "POST", body).body, body)

    def test_many(self):
        idents = self.wire.batch(["/pid"] * 2000)
        self.assertEqual([self.wire.answer().ident for _ in idents], idents)

    def test_unknown_types_are_skipped(self):
        before = self.worker.descriptors()
        with open(os.devnull) as file:
            self.wire.send(99, {"grease": b"x" * 100}, [file.fileno()] * 3)
        self.wire.sock.sendall(struct.pack("<IBBH", 5, 77, 0, 0) + b"\xff\xff\xff\xff\xff")
        self.assertEqual(self.body("/tuple_"), b"one two")
        self.worker.wait_descriptors(before)

    def test_unknown_ids_are_ignored(self):
        self.wire.send(CANCEL, [1, 2, 77])
        self.assertEqual(self.get("/tuple_").status, "200 OK")


class Broken(ServedCase):
    """A front that breaks the rules loses its connection; the worker lives."""

    def test_garbage(self):
        for data in (struct.pack("<IBBH", 1 << 30, REQUEST, 0, 0),
                     struct.pack("<IBBH", 3, REQUEST, 0, 0) + b"???",
                     self.wire.frame(REQUEST, 5), struct.pack("<IBBH", 1, REQUEST, 2, 0) + b"N"):
            wire = self.worker.connect()
            wire.sock.sendall(data)
            self.assertTrue(wire.ended())
        self.assertEqual(self.body("/tuple_"), b"one two")
        self.worker.wait_log("the front broke the protocol: ")


class Ends(WorkerCase):
    """How a connection and a worker end."""

    def test_drain_ends_the_worker(self):
        worker, wire = self.served()
        wire.drain()
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)

    def test_drain_behind_requests(self):
        worker, wire = self.served()
        data = wire.frame(REQUEST, [(n, 0, environ("GET", "/tuple_"), None) for n in range(1, 6)])
        wire.sock.sendall(data + wire.frame(DRAIN, None))
        self.assertTrue(wire.ended())
        self.assertEqual([item[0] for kind, item in wire.inbox if kind == RESPONSE], [1, 2, 3, 4, 5])
        self.assertEqual(worker.wait(), 0)

    def test_drain_of_one_of_two(self):
        worker, first = self.served()
        second = worker.connect()
        first.drain()
        self.assertTrue(first.ended())
        self.assertEqual(second.get("/tuple_").body, b"one two")
        second.drain()
        self.assertEqual(worker.wait(), 0)

    def test_end_of_file_is_waited_out(self):
        worker, wire = self.served()
        wire.close()
        wire = worker.connect()
        pid = wire.get("/pid").body
        self.assertEqual(int(pid), worker.process.pid)

    def test_front_that_dies_with_requests_open(self):
        worker, wire = self.served()
        wire.batch(["/sleep?0.2"] + ["/tuple_"] * 20)
        wire.close()
        self.assertEqual(worker.connect().get("/tuple_").body, b"one two")

    def test_a_connection_after_drain_is_left_for_the_next_process(self):
        worker, wire = self.served()
        wire.batch(["/sleep?0.3"])
        wire.drain()
        late = worker.connect(hello=False)
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)
        self.assertTrue(late.ended())       # nobody listens any more in this test
        self.assertEqual(late.inbox, [])

    def test_a_thousand_connections_leave_nothing(self):
        worker, wire = self.served()
        before = worker.descriptors()
        for _ in range(1000):
            other = worker.connect()
            other.get("/tuple_")
            other.close()
        worker.wires = [wire]
        wire.get("/tuple_")
        worker.wait_descriptors(before)
