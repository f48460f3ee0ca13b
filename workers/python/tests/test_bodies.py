"""Bodies that do not fit a frame, both ways: files, spools, streams."""

import hashlib
import os
import socket
import stat
import tempfile
import time

from tests.case import ServedCase
from tests.front import COMPLETE, END, FILE, REQUEST, RESPONSE, STREAM, environ

KIB = 1024


class Uploads(ServedCase):
    """Request bodies."""

    def test_sizes(self):
        for size in (0, 1, 64 * KIB, 3 << 20):
            with self.subTest(size):
                body = os.urandom(size)
                digest = hashlib.sha256(body).hexdigest().encode()
                self.assertEqual(self.get("/digest", "POST", body).body, digest)
                self.assertEqual(self.wire.answer(self.wire.spooled("/digest", body)).body, digest)

    def test_inline_and_spooled_in_one_frame(self):
        with tempfile.TemporaryFile() as one, tempfile.TemporaryFile() as three:
            for file, body in ((one, b"body 1"), (three, b"body 3")):
                file.write(body)
                file.seek(0)
            env = environ("POST", "/echo", CONTENT_LENGTH="6")
            self.wire.send(REQUEST, [(11, 1, env, 6), (12, 0, env, b"body 2"), (13, 1, env, 6)],
                           [one.fileno(), three.fileno()])
            self.assertEqual([self.wire.answer().body for _ in range(3)], [b"body 1", b"body 2", b"body 3"])

    def test_descriptors_are_closed(self):
        before = self.worker.descriptors()
        for _ in range(5):
            self.wire.answer(self.wire.spooled("/unread", b"x" * 100))
            self.wire.answer(self.wire.spooled("/echo", b"x" * 100000))
            self.get("/stream?2,70000")
            self.get("/large?2000000")
        self.get("/pid")
        self.worker.wait_descriptors(before)


class Downloads(ServedCase):
    """Complete responses of any size."""

    def test_sizes(self):
        for target, size, kind in [("/large?0", 0, COMPLETE), ("/large?65536", 65536, COMPLETE),
                                   ("/large?65537", 65537, FILE), ("/large?65538,2", 65538, FILE),
                                   ("/large?3000000", 3000000, FILE), ("/large?3000000,3", 3000000, FILE),
                                   ("/large_generator?65536", 65536, COMPLETE),
                                   ("/large_generator?200000", 200000, FILE)]:
            with self.subTest(target):
                response = self.get(target)
                self.assertEqual((len(response.body), response.kind), (size, kind))
                self.assertEqual(response.body.strip(b"x"), b"")

    def test_spools_have_no_name(self):
        for size in (100000, 3000000):
            self.wire.request("/large?%d" % size)
            fd = self.wire.expect(RESPONSE)[5]
            self.assertTrue(stat.S_ISREG(os.fstat(fd).st_mode))
            self.assertEqual(os.fstat(fd).st_nlink, 0)
            os.close(fd)

    def test_many_large_ones_in_one_batch(self):
        idents = self.wire.batch(["/large?70000"] * 100)
        for ident in idents:
            self.assertEqual(len(self.wire.answer(ident).body), 70000)

    def test_many_that_just_fit(self):
        idents = self.wire.batch(["/large?65536"] * 100)
        for ident in idents:
            self.assertEqual(len(self.wire.answer(ident).body), 65536)


class NoRoom(ServedCase):
    """A large body when no temporary file can be had: it goes as a stream."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        import resource
        resource.prlimit(cls.worker.process.pid, resource.RLIMIT_FSIZE, (50000, 50000))

    def test_stream_instead(self):
        for size in (100000, 3000000):
            response = self.get("/large?%d" % size)
            self.assertEqual((response.kind, len(response.body), response.whole), (STREAM, size, True))


class Timeouts(ServedCase):
    """An application that sets a default timeout for sockets does not cut its own streams."""

    application = "timeouts:app"

    def test_slow_client(self):
        response = self.wire.answer(self.wire.request("/stream?30,100000"), read_stream=False)
        time.sleep(0.5)
        self.wire.finish(response)
        self.assertEqual((len(response.body), response.whole), (3000000, True))
        time.sleep(0.3)
        self.assertEqual(self.body("/tuple_"), b"one two")


class Files(ServedCase):
    """wsgi.file_wrapper."""

    def setUp(self):
        super().setUp()
        file = tempfile.NamedTemporaryFile()
        self.addCleanup(file.close)
        self.content = os.urandom(200000)
        file.write(self.content)
        file.flush()
        self.path = file.name

    def test_parts_of_a_regular_file(self):
        for offset, length, wanted in [(0, "", self.content), (1000, "", self.content[1000:]),
                                       (5, "100000", self.content[5:100005]),
                                       (199999, "", self.content[199999:]), (0, "999999", self.content)]:
            with self.subTest(offset=offset, length=length):
                response = self.get("/file?%s,%d,%s" % (self.path, offset, length))
                self.assertEqual((response.kind, response.body == wanted), (FILE, True))

    def test_nothing_left(self):
        for offset in (200000, 300000):
            response = self.get("/file?%s,%d," % (self.path, offset))
            self.assertEqual((response.kind, response.body), (COMPLETE, b""))

    def test_by_content_not_by_descriptor(self):
        """fileno() of a GzipFile is the packed file's; a pipe and /proc have no size."""
        for kind, body, sent in [("bytesio", b"in memory", STREAM), ("temporary", b"temporary", FILE),
                                 ("random", b"random access", FILE), ("gzip", b"unpacked", STREAM),
                                 ("pipe", b"from a pipe", STREAM)]:
            with self.subTest(kind):
                response = self.get("/wrapped?" + kind)
                self.assertEqual((response.body, response.kind), (body, sent))
        self.assertIn(str(self.worker.process.pid).encode(), self.body("/wrapped?proc"))

    def test_closed_file(self):
        self.fails("/wrapped?closed", "ValueError: ")


class Streams(ServedCase):
    """Blocks that come one by one."""

    def test_whole(self):
        for count, size in [(1, 1), (3, 10), (2, 70000), (100, 100000)]:
            with self.subTest(count=count, size=size):
                response = self.get("/stream?%d,%d" % (count, size))
                self.assertEqual((response.kind, response.whole), (STREAM, True))
                self.assertEqual(response.body, b"".join(b"%d" % (n % 10) * size for n in range(count)))

    def test_each_block_comes_before_the_next_is_asked_for(self):
        fifo = os.path.join(self.worker.directory, "fifo")
        os.mkfifo(fifo)
        ident = self.wire.request("/step?" + fifo)
        with open(fifo, "wb", 0) as steps:
            response = self.wire.answer(ident, read_stream=False)
            self.assertEqual(response.body, b"block 0")
            for number in (1, 2):
                steps.write(b".")
                block = response.pipe.recv(100)
                self.assertEqual(block, b"block %d" % number)
                response.body += block
            steps.write(b".")
            self.wire.finish(response)
        self.assertTrue(response.whole)

    def test_complete_response_does_not_wait_for_what_the_application_does_afterwards(self):
        fifo = os.path.join(self.worker.directory, "after")
        os.mkfifo(fifo)
        for target in ("/wait_after", "/wait_in_close"):
            with self.subTest(target):
                self.assertEqual(self.get(target + "?" + fifo).body, b"body")
                with open(fifo, "wb", 0) as step:
                    step.write(b".")

    def test_client_that_goes_away(self):
        self.get("/log")
        ident = self.wire.request("/stream?1000000,60000")
        response = self.wire.answer(ident, read_stream=False)
        response.pipe.recv(1000)
        response.pipe.close()
        found, kind, status, _, _, _ = self.wire.expect(RESPONSE)
        self.assertEqual((found, kind, status), (ident, END, 0))
        self.assertEqual(self.body("/log"), b"closed after some")
        self.assertNotIn("stream?1000000", self.worker.log())

    def test_end_comes_after_the_descriptor_was_closed(self):
        response = self.wire.answer(self.wire.request("/several"), read_stream=False)
        self.assertEqual(self.wire.expect(RESPONSE)[1], END)
        response.pipe.setblocking(False)
        self.assertEqual(response.pipe.recv(100), b"two three")
        self.assertEqual(response.pipe.recv(100), b"")
        response.pipe.close()

    def test_pipe_is_a_stream_socket(self):
        response = self.wire.answer(self.wire.request("/several"), read_stream=False)
        self.assertEqual((response.pipe.family, response.pipe.type), (socket.AF_UNIX, socket.SOCK_STREAM))
        self.wire.finish(response)
