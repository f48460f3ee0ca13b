"""``python -m kirin_worker serve|conf ...``: see main.py."""

import os
import sys

from kirin_worker.main import main

if __name__ == "__main__":      # not in a child of multiprocessing
    if sys.path[0] == os.getcwd() and not getattr(sys.flags, "safe_path", False):
        del sys.path[0]         # from -m; what is to be found there is for the application's path to say
    sys.exit(main(sys.argv[1:]))
