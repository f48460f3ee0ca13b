"""Syslog messages of a worker."""

import logging
import os
import socket
import tempfile
import time
import unittest

from kirin_worker import syslog
from kirin_worker.glogging import Logger
from kirin_worker.pylog import configured
from tests.front import PATIENCE

STAMP = r"\w{3} [ \d]\d \d\d:\d\d:\d\d"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d"


class Messages(unittest.TestCase):

    def tearDown(self):
        for name in ("gunicorn.error", "gunicorn.access"):
            log = logging.getLogger(name)
            for handler in log.handlers[:]:
                log.removeHandler(handler)
                handler.close()

    def logger(self, address, form, **more):
        values = {"syslog": True, "syslog_addr": address, "syslog_format": form, "syslog_prefix": "shop"}
        return Logger(configured(dict(values, syslog_facility="local3", **more)))

    def udp(self):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(server.close)
        server.settimeout(PATIENCE)
        server.bind(("127.0.0.1", 0))
        return server, "udp://127.0.0.1:%d" % server.getsockname()[1]

    def unix(self, kind, suffix):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        server = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(server.close)
        server.settimeout(PATIENCE)
        server.bind(folder.name + "/log")
        return server, "unix://%s/log%s" % (folder.name, suffix)

    def test_udp(self):
        server, address = self.udp()
        self.logger(address, "rfc3164").error("one\ntwo")
        self.assertRegex(server.recv(9999).decode(),
                         r"^<155>%s [^. ]+ gunicorn\.shop\.error: \[%d\] one#012two$" % (STAMP, os.getpid()))

    def test_udp_newer(self):
        server, address = self.udp()
        self.logger(address, "rfc5424").warning("one\ntwo \u00e9")
        self.assertRegex(server.recv(9999).decode(),
                         r"^<156>1 %s \S+ gunicorn\.shop\.error %d error - \S+ one\ntwo \u00e9$" % (TIME, os.getpid()))

    def test_unix_datagrams(self):
        server, address = self.unix(socket.SOCK_DGRAM, "")
        for form, want in (("rfc3164", r"^<158>%s gunicorn\.shop\.error: \[\d+\] x$" % STAMP),
                           ("rfc5424", r"^<158>1 %s \S+ gunicorn" % TIME)):
            self.logger(address, form).info("x")
            self.assertRegex(server.recv(9999).decode(), want)
            self.tearDown()

    def test_streams_are_framed(self):
        server, address = self.unix(socket.SOCK_STREAM, "#stream")
        server.listen(2)
        for form, want in (("rfc3164", r"^<158>.*: \[\d+\] x\n<158>.*: \[\d+\] yy\n$"),
                           ("rfc5424", r"^\d+ <158>1 .* x\d+ <158>1 .* yy$")):
            log = self.logger(address, form)
            conn = server.accept()[0]
            conn.settimeout(PATIENCE)
            log.info("x")
            log.info("yy")
            self.tearDown()
            data = b"".join(iter(lambda: conn.recv(9999), b"")).decode()
            conn.close()
            self.assertRegex(data, want)
            if form == "rfc5424":
                size, _, rest = data.partition(" ")
                self.assertRegex(rest[int(size):], r"^\d+ <158>1 ")

    def test_server_started_anew(self):
        server, address = self.unix(socket.SOCK_DGRAM, "#dgram")
        log = self.logger(address, "rfc5424")
        path = server.getsockname()
        server.close()
        os.unlink(path)
        anew = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(anew.close)
        anew.bind(path)
        anew.settimeout(PATIENCE)
        log.info("x")
        self.assertRegex(anew.recv(9999).decode(), "x$")

    def test_closed_by_dict_config(self):
        for server, address in (self.udp(), self.unix(socket.SOCK_DGRAM, "")):
            log = self.logger(address, "rfc5424", logconfig_dict={"loggers": {"shop": {"level": "INFO"}}})
            for text in ("x", "y"):
                log.info(text)
                self.assertRegex(server.recv(9999).decode(), text + "$")
            self.tearDown()

    def test_access_log(self):
        server, address = self.udp()
        self.logger(address, "rfc5424", python_access=True).access_log.info("GET /")
        self.assertRegex(server.recv(9999).decode(), r"^<158>1 \S+ \S+ gunicorn\.shop\.access \d+ access - GET /$")
        self.tearDown()
        log = self.logger(address, "rfc5424", python_access=True, disable_redirect_access_to_syslog=True)
        self.assertFalse(log.access_log.handlers)

    def test_stamp(self):
        self.assertEqual(syslog.stamp(time.mktime((2026, 3, 4, 5, 6, 7, 0, 0, -1))), "Mar  4 05:06:07")
