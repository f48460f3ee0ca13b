"""A dirty application, as for a model that takes long to load."""

import os
import time

from gunicorn.dirty import DirtyApp, stash

try:
    from version import VERSION
except ImportError:
    VERSION = "1"


class Model(DirtyApp):
    stashes = ["calls"]

    def init(self):
        self.calls = 0

    def count(self):
        self.calls += 1
        return {"calls": self.calls, "pid": os.getpid(), "version": VERSION}

    def fail(self, text):
        raise LookupError(text)

    def wait(self, path):
        """Until there is a file."""
        stash.put("calls", path, os.getpid())
        while not os.path.exists(path):
            time.sleep(0.01)
        return {"pid": os.getpid(), "version": VERSION}

    def meet(self, number):
        """Until so many calls are under way at once."""
        stash.put("calls", "met/%d" % time.monotonic_ns(), os.getpid())
        while len(stash.keys("calls", "met/*")) < number:
            time.sleep(0.01)
        return os.getpid()

    def words(self, text, path):
        """Words; those after the first when there is a file."""
        for number, word in enumerate(text.split()):
            if number:
                self.wait(path)
            yield word + "\n"
