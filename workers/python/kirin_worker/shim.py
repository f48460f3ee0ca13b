"""``gunicorn`` for files that import it where it is not installed: gunicorn.glogging, gunicorn.dirty, and the version.

A gunicorn.conf.py, or a module that logger_class names, may well say ``from gunicorn import glogging``.
"""

import os
import sys

VERSION = "26.1.0"


# What is found here, and the module of ours that it is.
OURS = {"gunicorn": "", "gunicorn.glogging": "glogging", "gunicorn.config": "gconfig", "gunicorn.arbiter": "arbiter",
        "gunicorn.workers": "objects", "gunicorn.workers.base": "objects"}
DIRTY = {"gunicorn.dirty": "dirty", "gunicorn.dirty.errors": "dirty_errors", "gunicorn.dirty.app": "dirty_app",
         "gunicorn.dirty.client": "dirty_client", "gunicorn.dirty.stash": "dirty_stash"}


def install():
    """Stands in for gunicorn from now on, unless it can be imported."""
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    sys.meta_path.append(Finder(dict(OURS, **DIRTY)))
    if os.environ.get("GUNICORN_DIRTY_SOCKET", "").startswith("@kirin-dirty-"):
        sys.meta_path.insert(0, Finder(DIRTY))      # gunicorn's own does not speak to our dirty workers


class Finder:
    """One that comes last finds what nothing else does."""

    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name not in self.names:
            return None
        from importlib.machinery import ModuleSpec
        return ModuleSpec(name, self, is_package=name in ("gunicorn", "gunicorn.dirty", "gunicorn.workers"))

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        if module.__name__ == "gunicorn":
            module.__version__ = VERSION
            module.version_info = (26, 1, 0)
            module.SERVER = "gunicorn"
            module.SERVER_SOFTWARE = "gunicorn/" + VERSION
            return
        name = self.names[module.__name__]
        found = __import__("kirin_worker." + name, None, None, [name])
        module.__dict__.update((name, value) for name, value in vars(found).items() if not name.startswith("__"))
        if module.__name__ == "gunicorn.dirty":
            from importlib import import_module
            module.stash = import_module("gunicorn.dirty.stash")
            module.__all__ = found.__all__ + ["stash"]
