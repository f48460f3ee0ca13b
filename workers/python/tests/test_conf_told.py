"""What a configuration file has in vain under systemd."""

import unittest

from kirin_worker.conf_told import tell


class Options:
    conf = "shop.py"
    units_of = "shop"
    hooks = ["post_fork"]


class Log(list):
    def warning(self, message):
        self.append(message)


class Told(unittest.TestCase):

    def said(self, **names):
        log = Log()
        tell(Options, names, {"workers": 2, "timeout": 30}, log)
        return log

    def test_nothing(self):
        self.assertEqual(self.said(workers=2, timeout=30, post_fork=print, bind=None, raw_env=[], mine=1), [])

    def test_settings(self):
        said = self.said(workers=3, bind=":80", timeout=30)
        self.assertRegex(said.pop(), "^shop.py sets bind, workers, to no effect: .*/etc/kirin/shop.conf$")
        self.assertEqual(said, [])

    def test_hooks(self):
        self.assertEqual(self.said(when_ready=print, post_fork=print, on_exit=print),
                         ["shop.py has on_exit, when_ready, which nobody calls under systemd: see docs/hooks.md"])
