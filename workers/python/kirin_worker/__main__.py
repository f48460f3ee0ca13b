"""``python -m kirin_worker serve|conf ...``: see main.py."""

import sys

from kirin_worker.main import main

if __name__ == "__main__":      # not in a child of multiprocessing
    sys.exit(main(sys.argv[1:]))
