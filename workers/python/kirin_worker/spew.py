"""``--spew``: every line of Python that runs, on standard output, as Gunicorn prints it."""

import linecache
import sys
import threading


def trace(frame, event, arg):
    """For sys.settrace()."""
    if event == "line":
        names = frame.f_globals
        file = names.get("__file__") or frame.f_code.co_filename
        if file.endswith((".pyc", ".pyo")):
            file = file[:-1]
        line = linecache.getline(file, frame.f_lineno).rstrip()
        print("%s:%d: %s" % (names.get("__name__", "[unknown]"), frame.f_lineno, line))
    return trace


def install():
    """Traces this thread and those to come."""
    threading.settrace(trace)
    sys.settrace(trace)
