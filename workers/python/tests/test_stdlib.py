"""Files in the application's folder that are named as modules of the standard library."""

import ast
import glob
import os
import shutil
import subprocess
import sys
import tempfile

from kirin_worker.stdlib import NAMES
from tests.case import WorkerCase
from tests.front import PACKAGE
from tests.reference import fetch, gunicorn

CPYTHON = sys.implementation.name == "cpython"

APP = """
import {names}

def app(environ, start_response):
    if environ["PATH_INFO"] == "/fails":
        raise ValueError("as it was told")
    import logging
    logging.getLogger("shop").error("logged")
    start_response("200 OK", [])
    return []

async def aapp(scope, receive, send):
    if scope["type"] == "http":
        if scope["path"] == "/fails":
            raise ValueError("as it was told")
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": b""}})
"""
CLOSURE = """
import importlib, os, sys
home = os.path.dirname(os.__file__) + os.sep
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
files = [(name.partition(".")[0], getattr(module, "__file__", None) or "") for name, module in sys.modules.items()]
print(" ".join(sorted({name for name, file in files if file.startswith(home) and "-packages" not in file})))
"""


class Names(WorkerCase):
    """What the runtime imports at any time, with all that this imports."""

    def test_all_are_known(self):
        found = set()
        for path in glob.glob(os.path.join(PACKAGE, "kirin_worker", "*.py")):
            with open(path) as file:
                for node in ast.walk(ast.parse(file.read())):
                    if isinstance(node, ast.Import):
                        found.update(alias.name for alias in node.names)
                    elif isinstance(node, ast.ImportFrom) and not node.level:
                        found.add(node.module)
        out = subprocess.run([sys.executable, "-S", "-c", CLOSURE] + sorted(found), stdout=subprocess.PIPE, check=True)
        needed = {name for name in out.stdout.decode().split() if not name.startswith("_")}
        self.assertEqual(needed - NAMES, set())


class Shadows(WorkerCase):
    """A folder with a file for each of the names."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="kirin-shop-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        for name in NAMES:
            self.write(name, "raise RuntimeError('the %s of the application')" % name)
        self.write("shop", APP.format(names="re, json, logging, types, email, http, calendar"))

    def write(self, name, text):
        with open(os.path.join(self.folder, name + ".py"), "w") as file:
            file.write(text)

    def test_classes(self):
        kinds = [("app", "auto"), ("app", "sync", "--preload"), ("app", "gthread", "--threads=2"), ("aapp", "asgi")]
        if CPYTHON:
            kinds += [("app", "gevent"), ("app", "eventlet"), ("app", "tornado")]
        for name, kind, *options in kinds:
            with self.subTest(kind):
                worker = self.start("shop:" + name, "--class=" + kind, *options, chdir=self.folder)
                wire = worker.connect()
                self.assertEqual((wire.get("/").status[:3], wire.get("/fails").status[:3]), ("200", "500"))
                self.assertNotIn("of the application", worker.wait_log("ValueError: as it was told"))

    def test_gunicorn(self):
        """It does as much with the names that it has imported itself."""
        with tempfile.TemporaryDirectory() as self.folder:
            for name in ("re", "types", "logging", "email", "calendar"):
                self.write(name, "raise RuntimeError('the %s of the application')" % name)
            self.write("shop", APP.format(names="re, logging, types, email, calendar"))
            self.assertEqual(fetch(gunicorn(self, "--chdir=" + self.folder, "shop:app")), b"")
