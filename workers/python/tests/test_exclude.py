"""access_log_exclude in Python: as internal/logs has it."""

import unittest

from kirin_worker.access import recorder
from kirin_worker.exclude import compiled
from tests.front import environ


class Rules(unittest.TestCase):

    def test_rules(self):
        for rules, path, status, agent, dropped in (
            ("", "/healthz", "200", "", False), ("/healthz", "/healthz", "200", "", True),
            ("/healthz", "/healthz2", "200", "", False), ("/health/*", "/health/live", "200", "", True),
            ("/*/ping", "/a/b/ping", "200", "", True), ("/*/ping", "/a/b/pings", "200", "", False),
            ("/a.b", "/axb", "200", "", False), ("/a?b", "/a b", "200", "", False), ("/a?b", "/a?b", "200", "", True),
            ("status:2xx", "/", "204", "", True), ("status:304", "/", "303", "", False),
            ("agent:kube-probe/*", "/", "200", "Kube-Probe/1.31", True),
            ("agent:uptime?robot", "/", "200", "Uptime Robot", True),
            ("/healthz status:2xx", "/healthz", "503", "", False),
            ("/a|status:404 agent:*bot*", "/b", "404", "a bot", True),
        ):
            with self.subTest((rules, path)):
                self.assertIs(compiled(rules.split("|") if rules else ())(path, status, agent), dropped)

    def test_in_the_recorder(self):
        logged = []

        class Logger:
            def access(self, resp, req, environ, took):
                logged.append(req.uri)

        record = recorder(Logger(), ["/health%7a", "/healthz"])
        for target in ("/healthz?a=b", "/h%65althz", "/other"):
            record(environ("GET", target), "200 OK", [], 0, 0.0)
        self.assertEqual(logged, ["/other"])
