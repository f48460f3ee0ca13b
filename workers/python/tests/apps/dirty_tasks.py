"""Dirty applications."""

import asyncio
import os
import time

from gunicorn.dirty import DirtyApp, stash


class Tasks(DirtyApp):
    """One that all workers have."""

    stashes = ["met", "ended"]

    def __init__(self):
        self.calls = 0

    def init(self):
        if os.path.exists(os.environ.get("BROKEN", "")):
            raise RuntimeError("no model")
        self.version = os.environ.get("VERSION", "")

    def count(self, by=1):
        self.calls += by
        return {"calls": self.calls, "pid": os.getpid(), "version": self.version}

    def echo(self, *args, **kwargs):
        return [args, kwargs]

    def fail(self, text):
        raise KeyError(text)

    def leave(self):
        raise SystemExit(3)

    def odd(self):
        return object()

    def wait(self, path):
        """Until there is a file; the pid. Another file says that this has begun."""
        with open(path + ".begun", "w"):
            pass
        while not os.path.exists(path):
            time.sleep(0.01)
        return os.getpid()

    def meet(self, name, count):
        """Until so many calls of this are under way at once."""
        stash.put("met", "%s/%d/%d" % (name, os.getpid(), id(object())), 1)
        me = "%s/%s" % (name, os.urandom(8).hex())
        stash.put("met", me, 1)
        while len([key for key in stash.keys("met", name + "/*") if key.count("/") == 1]) < count:
            time.sleep(0.01)
        return os.getpid()

    def numbers(self, count, path=""):
        """Numbers; the last one when there is a file."""
        try:
            for number in range(count):
                if path and number == count - 1:
                    self.wait(path)
                yield number
        finally:
            stash.put("ended", "numbers", os.getpid())

    def endless(self):
        try:
            while True:
                yield "x" * 1000
        finally:
            stash.put("ended", "endless", True)

    def broken(self):
        yield 1
        raise ValueError("in the middle")

    async def later(self, value):
        await asyncio.sleep(0)
        return value

    async def later_numbers(self, count):
        for number in range(count):
            await asyncio.sleep(0)
            yield number

    def close(self):
        print("closed", flush=True)


class Single(Tasks):
    """One that one worker has."""

    workers = 1
    stashes = ()


class Plain:
    """One that derives from nothing."""

    def init(self):
        self.ready = True

    def __call__(self, action):
        return [action, self.ready]

    def close(self):
        pass


class Incomplete:
    def init(self):
        pass
