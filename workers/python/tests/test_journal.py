"""Entries for journald, and what becomes one."""

import fcntl
import logging
import os
import socket
import struct
import sys
import tempfile
import threading
import unittest
from unittest import mock

from kirin_worker import journal, records
from kirin_worker.errors import LoadError
from kirin_worker.journal import Journal
from kirin_worker.log import ERROR, ErrorStream, Log
from kirin_worker.trace import place, standing

HERE = os.path.abspath(__file__)
PATIENCE = 180


def parse(data):
    """The fields of an entry, by https://systemd.io/JOURNAL_NATIVE_PROTOCOL."""
    fields = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size, = struct.unpack_from("<Q", rest)
            value, end, rest = rest[8:8 + size], rest[8 + size:9 + size], rest[9 + size:]
            assert end == b"\n", (name, size)
        assert name.decode() not in fields, name
        fields[name.decode()] = value
        data = rest
    return fields


class JournalCase(unittest.TestCase):

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "socket")
        patch = mock.patch.object(journal, "SOCKET", self.path)
        patch.start()
        self.addCleanup(patch.stop)
        self.listen()
        self.journal = Journal("shop", "shop:3")
        self.addCleanup(lambda: self.journal.sock.close())
        self.addCleanup(self.journal.note, None)
        self.log = Log(2)
        self.log.journal = True
        self.log.native = self.journal

    def listen(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.settimeout(PATIENCE)
        self.socket.bind(self.path)

    def entry(self):
        """The next entry; those in a memfd must be sealed."""
        data, ancillary, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
        for _, _, rights in ancillary:
            fd, = struct.unpack("i", rights)
            with open(fd, "rb") as file:
                self.assertEqual(fcntl.fcntl(fd, 1034), 15)     # F_GET_SEALS
                file.seek(0)
                data = file.read()
        return parse(data)


class Entries(JournalCase):

    def test_fields(self):
        self.assertTrue(self.journal.send(3, "two\nlines\n", {"CODE_LINE": 7, "NONE": "", "TEXT": "\u9e92 \udc80\0"}))
        self.assertEqual(self.entry(), {
            "SYSLOG_IDENTIFIER": b"shop", "KIRIN_APP": b"shop", "WORKER": b"3", "PRIORITY": b"3",
            "MESSAGE": b"two\nlines", "CODE_LINE": b"7", "TEXT": "\u9e92 \\udc80\0".encode()})

    def test_large(self):
        text = "line\n" * 3000000
        self.assertTrue(self.journal.send(3, text))
        self.assertEqual(self.entry()["MESSAGE"].decode(), text.rstrip("\n"))

    def test_journald_has_another_socket(self):
        self.socket.close()
        os.unlink(self.path)
        self.assertFalse(self.journal.send(3, "nobody listens"))
        self.listen()
        self.assertTrue(self.journal.send(3, "again"))
        self.assertEqual(self.entry()["MESSAGE"], b"again")

    def test_busy(self):
        with mock.patch.object(journal, "PATIENCE", 0.05):
            other = Journal("shop", "shop:3")
        while other.send(7, "filler"):
            pass
        self.assertEqual(self.entry()["MESSAGE"], b"filler")
        self.assertTrue(other.send(7, "there is room"))
        other.sock.close()

    def test_sync(self):
        self.journal.send(3, "the last word")
        thread = threading.Thread(target=self.journal.sync)
        thread.start()
        self.assertEqual(self.entry()["MESSAGE"], b"the last word")
        self.assertTrue(thread.is_alive())
        self.assertEqual(self.entry(), {})
        thread.join(PATIENCE)
        self.assertFalse(thread.is_alive())

    def test_no_journal(self):
        with mock.patch.object(journal, "SOCKET", self.path + "/none"):
            self.assertIsNone(journal.connect("shop", "shop:1"))

    def test_lines_when_it_takes_nothing(self):
        with tempfile.TemporaryFile() as file:
            log = Log(file.fileno())
            log.journal = True
            log.native = mock.Mock(**{"send.return_value": False})
            log.error("one\ntwo", {"CODE_LINE": 1})
            self.assertEqual(os.pread(file.fileno(), 100, 0), b"<3>one\n<3>two\n")


class Requests(JournalCase):

    def fields(self, request):
        self.journal.note(request)
        self.journal.send(6, "x")
        entry = self.entry()
        return [entry.get(name) for name in ("HTTP_METHOD", "HTTP_TARGET", "REQUEST_ID")]

    def test_environ(self):
        self.assertEqual(self.fields({"REQUEST_METHOD": "GET", "RAW_URI": "/caf\xe9?a", "kirin.request_id": "7f"}),
                         [b"GET", b"/caf\xe9?a", b"7f"])
        self.assertEqual(self.fields({"REQUEST_METHOD": 7, "RAW_URI": "\u9e92\n"}), [b"7", b"\\u9e92\n", None])
        self.assertEqual(self.fields(None), [None, None, None])

    def test_scope(self):
        scope = {"type": "http", "method": "PUT", "raw_path": b"/a%20", "query_string": b"b", "kirin.request_id": "7f"}
        self.assertEqual(self.fields(scope), [b"PUT", b"/a%20?b", b"7f"])
        self.assertEqual(self.fields({"type": "websocket", "raw_path": b"/"}), [b"GET", b"/", None])

    def test_of_each_thread(self):
        self.journal.note({"REQUEST_METHOD": "GET", "RAW_URI": "/main"})
        thread = threading.Thread(target=self.journal.send, args=(6, "of a thread"))
        thread.start()
        thread.join()
        self.assertNotIn("HTTP_TARGET", self.entry())


def inner():
    return len(7)


def in_a_library():
    return os.path.join(7)


class Places(unittest.TestCase):

    def raised(self, function):
        try:
            function()
        except Exception as error:
            return place(error)

    def test_innermost(self):
        line = inner.__code__.co_firstlineno + 1
        self.assertEqual(self.raised(inner), {"CODE_FILE": HERE, "CODE_LINE": line, "CODE_FUNC": "inner"})

    def test_the_application_s_own(self):
        line = in_a_library.__code__.co_firstlineno + 1
        self.assertEqual(self.raised(in_a_library), {"CODE_FILE": HERE, "CODE_LINE": line, "CODE_FUNC": "in_a_library"})

    def test_a_library_s_when_there_is_no_other(self):
        namespace = {}
        exec(compile("def f():\n    1 / 0", "/x/site-packages/lib.py", "exec"), namespace)
        tb = None
        try:
            namespace["f"]()
        except ZeroDivisionError as error:
            tb = error.__traceback__.tb_next
            found = place(error.with_traceback(tb))
        self.assertEqual(found, {"CODE_FILE": "/x/site-packages/lib.py", "CODE_LINE": 2, "CODE_FUNC": "f"})

    def test_syntax_error(self):
        try:
            compile("a b", "/x/app.py", "exec")
        except SyntaxError as error:
            self.assertEqual(place(error), {"CODE_FILE": "/x/app.py", "CODE_LINE": 1, "CODE_FUNC": ""})

    def test_nothing(self):
        self.assertEqual(place(LoadError("never raised")), {})
        self.assertEqual(standing(None), {})

    def test_a_thread_that_stands(self):
        event = threading.Event()
        thread = threading.Thread(target=lambda: event.wait(PATIENCE))
        thread.start()
        found = standing(sys._current_frames()[thread.ident])
        event.set()
        thread.join()
        self.assertEqual((found["CODE_FILE"], found["CODE_FUNC"]), (HERE, "<lambda>"))


class Records(JournalCase):
    """What logging writes."""

    def logger(self, stream):
        logger = logging.Logger("shop.cart")
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        logger.addHandler(handler)
        return logger

    def test_levels_and_place(self):
        for stream in (records.Stderr(self.log), ErrorStream(self.log)):
            logger = self.logger(stream)
            levels = {"debug": b"7", "info": b"6", "warning": b"4", "error": b"3", "critical": b"2"}
            for name, priority in levels.items():
                getattr(logger, name)("two\nlines")
                entry = self.entry()
                self.assertEqual(entry["PRIORITY"], priority)
                self.assertEqual(entry["MESSAGE"], name.upper().encode() + b": two\nlines")
                self.assertEqual((entry["LOGGER"], entry["CODE_FILE"], entry["CODE_FUNC"]),
                                 (b"shop.cart", HERE.encode(), b"test_levels_and_place"))

    def test_exception(self):
        logger = self.logger(records.Stderr(self.log))
        try:
            inner()
        except TypeError:
            logger.exception("it failed")
        entry = self.entry()
        self.assertRegex(entry["MESSAGE"].decode(), r"(?s)^ERROR: it failed\nTraceback .*in inner\n.*TypeError")
        self.assertEqual(entry["CODE_FUNC"], b"inner")

    def test_printed(self):
        """Lines, as they were."""
        with tempfile.TemporaryFile() as file:
            self.log.fd = file.fileno()
            for stream in (records.Stderr(self.log), ErrorStream(self.log)):
                print("printed", "\udc80", file=stream)
                stream.writelines(["a\n", "b\n"])
                stream.flush()
            self.assertEqual(os.pread(file.fileno(), 100, 0), b"printed \\udc80\na\nb\n" * 2)

    def test_when_the_journal_takes_nothing(self):
        with tempfile.TemporaryFile() as file:
            self.log.fd = file.fileno()
            self.log.native = mock.Mock(**{"send.return_value": False})
            self.logger(ErrorStream(self.log)).warning("one\ntwo")
            self.assertEqual(os.pread(file.fileno(), 100, 0), b"<4>WARNING: one\n<4>two\n")

    def test_without_handlers(self):
        """logging's last resort."""
        stream = records.Stderr(self.log)
        with mock.patch.object(sys, "stderr", stream):
            logging.Logger("alone").warning("low stock")
        self.assertEqual(self.entry()["MESSAGE"], b"low stock")

    def test_an_exception_in_a_thread(self):
        with mock.patch.object(threading, "excepthook"):
            records.adopt_threads(self.log)     # somebody looks after them
            self.assertIsInstance(threading.excepthook, mock.Mock)
        own = threading.excepthook
        records.adopt_threads(self.log)
        self.addCleanup(setattr, threading, "excepthook", own)
        self.assertIsNot(threading.excepthook, own)
        thread = threading.Thread(target=inner, name="errands")
        thread.start()
        thread.join()
        entry = self.entry()
        self.assertEqual((entry["PRIORITY"], entry["CODE_FUNC"]), (b"%d" % ERROR, b"inner"))
        self.assertRegex(entry["MESSAGE"].decode(), r"(?s)^error in the thread errands\nTraceback .*TypeError: ")
