"""--reload: watches the files of what is imported, and some more, and names the one that changed."""

import os
import sys
from time import sleep, time

from . import thread

INTERVAL = 1.0


class Reloader:
    """Looks at modification times. Create it before the application is loaded: what is newer has changed."""

    def __init__(self, extra_files, changed):
        self.patterns = [os.path.abspath(path) for path in extra_files]
        self.extra = set()          # files without which the application could not be loaded
        self.changed = changed      # called with the path of a file
        self.began = time()
        self.seen = {}              # path: modification time, None when it was not there

    def start(self):
        thread.start(self._run)

    def _run(self):
        while True:
            sleep(INTERVAL)
            for path in self.look():
                self.changed(path)

    def files(self):
        """Every file to watch, present or not."""
        found = set(self.extra)
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str):
                found.add(path[:-1] if path.endswith((".pyc", ".pyo")) else path)
        for pattern in self.patterns:
            found.update(expand(pattern))
        return found

    def look(self, now=None):
        """The files that changed since the last look, or since the beginning when they are new to us.

        A file from the future is not new. What is now is asked for when a file's time is known: it may just have been
        written.
        """
        changed = []
        for path in self.files():
            stamp = modified(path)
            if path not in self.seen:
                fresh = stamp is not None and self.began < stamp <= (time() if now is None else now)
            else:
                fresh = stamp is not None and stamp != self.seen[path]
            if fresh:
                changed.append(path)
            if stamp is not None or path not in self.seen:
                self.seen[path] = stamp
        return changed


def modified(path):
    """The modification time, None for a file that is not there (or not for the moment)."""
    try:
        return os.stat(path).st_mtime
    except (OSError, ValueError):
        return None


def expand(pattern):
    """The files that a pattern stands for; all of those in a directory."""
    if os.path.isdir(pattern):
        return [os.path.join(folder, name) for folder, _, names in os.walk(pattern) for name in names]
    if not any(char in pattern for char in "*?["):
        return [pattern]
    from glob import iglob
    return iglob(pattern, recursive=True)
