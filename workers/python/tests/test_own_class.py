"""Worker classes derived from uvicorn's."""

import subprocess
import unittest

from kirin_worker.own_class import SAME, SETTINGS, translate
from tests.reference import PYTHON

NEWER = {"timeout_graceful_shutdown"}       # than Debian's uvicorn


class Arguments(unittest.TestCase):
    """The CONFIG_KWARGS."""

    def test_all_are_uvicorns(self):
        code = "import inspect, uvicorn; print(*inspect.signature(uvicorn.Config).parameters)"
        known = subprocess.run([PYTHON, "-c", code], stdout=subprocess.PIPE, check=True).stdout.decode().split()
        self.assertEqual(set(SETTINGS).union(SAME) - set(known) - NEWER, set())
        vain = translate({"headers": [("a", "b")], "http": "auto"})[1]
        self.assertEqual(vain, ["headers"])

    def test_values(self):
        settings, vain = translate({
            "forwarded_allow_ips": ["::1", "10.0.0.1"], "limit_max_requests": None, "ws_ping_timeout": None,
            "backlog": 5, "timeout_keep_alive": 7.0, "http": "h11", "proxy_headers": False})
        wanted = {"forwarded_allow_ips": "::1,10.0.0.1", "ws_ping_timeout": 0, "backlog": 5, "keepalive": 7}
        self.assertEqual(settings, wanted)
        self.assertEqual(vain, ["proxy_headers"])
