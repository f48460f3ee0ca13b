"""The error log."""

import os
import re
import tempfile
import unittest

from kirin_worker.log import DEBUG, ERROR, INFO, ErrorStream, Log, is_journal


class LogCase(unittest.TestCase):

    def setUp(self):
        self.file = tempfile.TemporaryFile()
        self.addCleanup(self.file.close)
        self.fd = self.file.fileno()

    def written(self):
        return os.pread(self.fd, 1 << 20, 0).decode()


class Lines(LogCase):

    def test_gunicorn_s_format(self):
        Log(self.fd).error("one\ntwo\n")
        stamp = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\]"
        self.assertRegex(self.written(), r"^%s \[%d\] \[ERROR\] one\ntwo\n$" % (stamp, os.getpid()))

    def test_level(self):
        log = Log(self.fd, INFO)
        log.debug("not this")
        log.info("this")
        log.warning("this")
        log.critical("this")
        self.assertEqual(re.findall(r"\[(\w+)\] this", self.written()), ["INFO", "WARNING", "CRITICAL"])
        Log(self.fd, DEBUG).debug("now")
        self.assertIn("[DEBUG] now", self.written())

    def test_quiet(self):
        Log(self.fd, ERROR).warning("not this")
        self.assertEqual(self.written(), "")

    def test_text_that_cannot_be_encoded(self):
        Log(self.fd).error("\udc80 \u9e92")
        self.assertIn("\\udc80 \u9e92", self.written())

    def test_closed_descriptor_is_no_error(self):
        fd = os.dup(self.fd)
        log = Log(fd)
        os.close(fd)
        log.error("into the void")


class Journal(LogCase):

    def test_prefix_on_each_line(self):
        status = os.fstat(self.fd)
        log = Log(self.fd, INFO, "%d:%d" % (status.st_dev, status.st_ino))
        log.error("one\n\ntwo")
        log.info("three")
        self.assertEqual(self.written(), "<3>one\n<3>\n<3>two\n<6>three\n")

    def test_another_stream(self):
        for stream in ("", "1:2", "nonsense", "1:", ":"):
            self.assertFalse(is_journal(self.fd, stream))
        Log(self.fd, INFO, "1:2").error("plain")
        self.assertIn("[ERROR] plain", self.written())


class Errors(LogCase):
    """wsgi.errors."""

    def test_whole_lines(self):
        stream = ErrorStream(Log(self.fd))
        self.assertEqual(stream.write("begun "), 6)
        self.assertEqual(self.written(), "")
        stream.write("and ended\nnext")
        self.assertEqual(self.written(), "begun and ended\n")
        stream.flush()
        stream.flush()
        self.assertEqual(self.written(), "begun and ended\nnext")
        stream.writelines(["a", "b\n"])
        self.assertEqual(self.written(), "begun and ended\nnextab\n")

    def test_text_only(self):
        self.assertRaises(TypeError, ErrorStream(Log(self.fd)).write, b"bytes")
