import glob
import json
import os
import re
import tempfile
import unittest

from reliabilitylib import page

SYSTEMD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "test", "systemd")


def source():
    return "".join(open(name, encoding="utf-8").read() for name in glob.glob(os.path.join(SYSTEMD, "*_test.go")))


class Page(unittest.TestCase):
    longMessage = False

    def test_every_case_has_a_row(self):
        noted = set(re.findall(r'\.holds\(l, "([a-z-]+)"', source())) | {"idle-fresh", "idle-kept"}
        self.assertEqual(noted, set(page.CASES))

    def test_what_is_rendered(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in page.CASES:
                with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as f:
                    json.dump({"requests": 1234, "posts": 56, "failed": 7, "twice": 0, "gap": 0.258}, f)
            text = page.render(page.read(folder))
        self.assertIn("| `kill -9` of a worker, 6 times | 1234 | 56 | 7 | 0 | 0.26 s | the POST that", text)
        self.assertEqual(text.count("| 1234 |"), len(page.CASES))

    def test_what_the_page_says_of_the_load(self):
        self.assertIn("const connections = 6\n", source(), "the page says six")
        self.assertIn("Fresh: 2, PostEvery: 3,", source(), "the page says two, and every third")
        self.assertIn("Once: true", source(), "the page says that nothing is sent twice")
