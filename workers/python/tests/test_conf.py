"""``conf``: what is left of a gunicorn.conf.py."""

import json
import os
import tempfile
import unittest

from tests.test_boot import run


class Conf(unittest.TestCase):

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(directory.name)

    def read(self, text, source="gunicorn.conf.py", **env):
        """(the object, standard error) for a file with ``text``."""
        with open("gunicorn.conf.py", "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        status, output, errors = run("conf", source, **env)
        self.assertEqual(status, 0, errors)
        self.assertEqual(output.count("\n"), 1)
        return json.loads(output), errors

    def settings(self, text):
        return self.read(text)[0]["settings"]

    def test_values(self):
        self.assertEqual(self.settings(
            "import os, pathlib\n"
            "bind = ['a', 'b']; workers = 2 * 2; timeout = 1.5; reload = True; user = None\n"
            "pairs = (1, 2); names = {'z', 'y'}; chdir = pathlib.Path('/srv')\n"
            "headers = {'A': ('b', 1)}; _private = 1; __also = 2\n"), {
                "bind": ["a", "b"], "workers": 4, "timeout": 1.5, "reload": True, "user": None,
                "pairs": [1, 2], "names": ["y", "z"], "chdir": "/srv", "headers": {"A": ["b", 1]}})

    def test_text(self):
        self.assertEqual(self.settings("# coding: latin-1\nname = 'caf\xe9'\n".encode("latin-1")),
                         {"name": "caf\xe9"})
        self.assertEqual(self.settings("name = '\\u9e92\\n\\0'\n"), {"name": "\u9e92\n\0"})

    def test_subclasses_are_what_they_are_made_of(self):
        self.assertEqual(self.settings(
            "import enum\n_Level = enum.IntEnum('Level', 'ONE TWO')\nclass _S(str): pass\n"
            "level = _Level.TWO; text = _S('x')\n"), {"level": 2, "text": "x"})

    def test_hooks_and_callables(self):
        result, _ = self.read(
            "import os.path\nfrom json import dumps, JSONEncoder\n"
            "def post_fork(server, worker): pass\nwhen_ready = lambda server: None\n"
            "def helper(): pass\nclass Logger: pass\n"
            "class _C:\n    def __call__(self): pass\nobject_ = _C()\n"
            "post_request = None\n")
        self.assertEqual(sorted(result["hooks"]), ["post_fork", "when_ready"])
        self.assertEqual(result["callables"], {
            "dumps": "json.dumps", "JSONEncoder": "json.encoder.JSONEncoder", "helper": "__config__.helper",
            "Logger": "__config__.Logger", "object_": "__config__._C"})
        self.assertEqual(result["settings"], {"post_request": None})

    def test_what_json_does_not_have(self):
        result, _ = self.read(
            "data = b'x'; infinite = float('inf'); numbered = {1: 2}; thing = object(); inside = [object()]\n"
            "cycle = []\ncycle.append(cycle)\n")
        self.assertEqual(result["not_json"], {
            "data": "bytes", "infinite": "float", "numbered": "dict", "thing": "object", "inside": "list",
            "cycle": "list"})
        self.assertEqual(result["settings"], {})

    def test_surroundings(self):
        with open("near.py", "w") as file:
            file.write("value = 'imported'\n")
        self.assertEqual(
            self.settings("import sys, near\nfrom near import value\nfile = __file__; name = __name__\n"
                          "known = sys.modules['__config__'].__file__; argv = sys.argv\n"),
            {"value": "imported", "file": "gunicorn.conf.py", "name": "__config__",
             "known": "gunicorn.conf.py", "argv": ["kirin"]})

    def test_module(self):
        with open("settings_here.py", "w") as file:
            file.write("workers = 7\n")
        self.assertEqual(self.read("", "python:settings_here")[0]["settings"], {"workers": 7})
        result, _ = self.read("", "python:nowhere")
        self.assertEqual(result["error"], "ModuleNotFoundError: No module named 'nowhere'")

    def test_environment(self):
        result = self.read("import os\nos.environ['SHOP'] = 'open'\n")[0]
        self.assertEqual(result["environ"], {"SHOP": "open"})

    def test_prints_go_to_stderr(self):
        result, errors = self.read(
            "import os, sys\nprint('printed')\nos.write(1, b'written\\n')\nos.system('echo a child')\n"
            "sys.stdout.write('no newline')\n")
        self.assertEqual(result["settings"], {})
        for text in ("printed", "written", "a child", "no newline"):
            self.assertIn(text, errors)

    def test_errors(self):
        for text, error in [
                ("x = 1\ny = (\n", r"^SyntaxError: .* \(gunicorn\.conf\.py line [23]\)$"),
                ("\n\nbind = prot\n", r"^NameError: name 'prot' is not defined \(.*conf\.py line 3\)$"),
                ("def f():\n    raise ValueError('a\\nb')\n\nf()\n",
                 r"^ValueError: a b \(.*conf\.py line 2\)$"),
                ("import sys\nsys.exit(3)\n", r"^SystemExit: 3 \(gunicorn\.conf\.py line 2\)$"),
                ("x = 1\0", "^(SyntaxError|ValueError|TypeError): .*null")]:
            with self.subTest(text):
                result, _ = self.read(text)
                self.assertRegex(result["error"], error)
                self.assertNotIn("kirin_worker", result["traceback"])
                self.assertNotIn("settings", result)

    def test_missing_file(self):
        result, _ = self.read("", "nowhere.py")
        self.assertEqual(result["error"], "cannot read nowhere.py: No such file or directory")
