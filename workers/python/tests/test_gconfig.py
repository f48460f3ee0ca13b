"""Gunicorn's Config and its settings, where no Gunicorn is asked: kirin's own, and the forms of addresses."""

import os
import unittest

from kirin_worker.gconfig import Config, parse_address
from kirin_worker.gsettings import TABLE


class Settings(unittest.TestCase):

    def test_given(self):
        cfg = Config({"certfile": ["/a.pem"], "wsgi_app": "shop:app", "user": "root", "no_such": 1})
        self.assertEqual((cfg.certfile, cfg.keyfile, cfg.proc_name, cfg.uid), ("/a.pem", None, "shop:app", 0))
        self.assertEqual((cfg.group, cfg.chdir), (os.getegid(), os.getcwd()))
        self.assertRaises(AttributeError, lambda: cfg.no_such)

    def test_what_is_set_is_told(self):
        told = []
        cfg = Config({"workers": 3}, told.append)
        cfg.set("keepalive", "7")
        cfg.settings["threads"].set(2)
        self.assertEqual((told, cfg.keepalive, cfg.worker_class_str), (["keepalive", "threads"], 7, "threads"))

    def test_every_one(self):
        cfg = Config()
        for _, rows in TABLE:
            for name, kind, default, _ in rows:
                with self.subTest(name):
                    setting = cfg.settings[name]
                    if default is not None and kind != "hook":
                        setting.set(default)
                        self.assertEqual(setting.get(), default)
                    getattr(cfg, name)

    def test_addresses(self):
        for bind, address in {
            "127.0.0.1:80": ("127.0.0.1", 80), "shop": ("shop", 8000), ":80": ("0.0.0.0", 80), "[::1]:80": ("::1", 80),
            "[::1]": ("::1", 8000), "unix:/run/a": "/run/a", "unix:///run/a": "/run/a", "fd://3": 3,
            "https://shop:443": ("shop", 443), "tcp://a:1": ("a", 1),
        }.items():
            self.assertEqual(parse_address(bind), address, bind)
