"""Starts the worker runtime that is installed beside this file; kirin-worker@.service runs it."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def load():
    """The runtime's main. The runtime leaves no trace on the application's path.

    What is compiled is kept in the unit's CacheDirectory=, for nobody may write beside this file.
    """
    if sys.path[:1] == [HERE]:
        del sys.path[0]
    cache = os.environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    before, sys.pycache_prefix = sys.pycache_prefix, cache and os.path.join(cache, "kirin-worker") or None
    sys.path.insert(0, os.path.join(HERE, "python"))
    try:
        from kirin_worker.main import main
    finally:
        sys.path.pop(0)
        sys.pycache_prefix = before
    return main


if __name__ == "__main__":      # not in a child of multiprocessing
    sys.exit(load()(sys.argv[1:]))
