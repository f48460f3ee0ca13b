"""Modules of the standard library that an application's folder cannot stand in for, whatever it has by their names.

The runtime imports what it needs when it needs it. A folder with a ``re.py`` or a ``types.py`` may come first on
sys.path by then. Gunicorn has these modules in memory before it puts the folder there, so that an application there
gets them, too.
"""

import os
import sys
from _frozen_importlib_external import PathFinder

# What Gunicorn and its workers have imported before an application is, and what the runtime imports ever.
NAMES = frozenset("""
    abc annotationlib argparse ast asyncio atexit base64 binascii bisect bz2 calendar codecs collections
    compression concurrent configparser contextlib contextvars copy copyreg ctypes dataclasses datetime difflib
    dis email encodings enum errno fcntl fnmatch functools genericpath gettext glob greenlet grp hashlib heapq
    hmac html http importlib inspect io ipaddress json keyword linecache locale logging lzma math ntpath opcode
    operator os pathlib pickle pkgutil platform plistlib posix posixpath pprint pwd queue quopri random re
    reprlib resource select selectors shlex shutil signal site socket socketserver sre_compile sre_constants
    sre_parse ssl stat string struct subprocess sysconfig tempfile textwrap threading time token tokenize
    traceback types typing urllib warnings weakref xml zipfile zipimport zlib
""".split())


class Standard:
    """Finds them where the interpreter has them; besides, what has a private name, which they import."""

    def __init__(self, folders):
        self.folders = folders

    def find_spec(self, name, path=None, target=None):
        if path is None and (name in NAMES or name.startswith("_")):
            return PathFinder.find_spec(name, self.folders, target)
        return None


def folders():
    """Where the standard library is: its folder, and what the interpreter has below or beside it for itself."""
    home = os.path.dirname(os.__file__)
    parts = (home, os.path.join(home, "lib-dynload"))
    return [entry for entry in sys.path if entry in parts or entry.endswith(("lib-dynload", "lib_pypy"))] or [home]


def install():
    """Looks there first from now on. What is built in, or frozen, comes before."""
    finders = sys.meta_path
    at = finders.index(PathFinder) if PathFinder in finders else len(finders)
    finders.insert(at, Standard(folders()))
