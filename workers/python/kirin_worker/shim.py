"""``gunicorn`` for files that import it where it is not installed: gunicorn.glogging, and the version.

A gunicorn.conf.py, or a module that logger_class names, may well say ``from gunicorn import glogging``.
"""

import sys

VERSION = "26.1.0"


def install():
    """Stands in for gunicorn from now on, unless it can be imported."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())


class Finder:
    """Comes last: whatever else finds gunicorn has it."""

    def find_spec(self, name, path=None, target=None):
        if name not in ("gunicorn", "gunicorn.glogging"):
            return None
        from importlib.machinery import ModuleSpec
        return ModuleSpec(name, self, is_package=name == "gunicorn")

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        if module.__name__ == "gunicorn":
            module.__version__ = VERSION
            module.version_info = (26, 1, 0)
            module.SERVER_SOFTWARE = "gunicorn/" + VERSION
            return
        from . import glogging
        module.__dict__.update((name, value) for name, value in vars(glogging).items() if not name.startswith("__"))
