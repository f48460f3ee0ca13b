"""What the application logs by Python's ``logging`` to standard error or wsgi.errors, as entries of the journal.

Handlers write what they have formatted. Here each such write is one entry, of the record's level, with the place
in the code and the request; what is printed remains lines.
"""

import sys
from io import TextIOWrapper

from .log import CRITICAL, DEBUG, ERROR, INFO, WARNING
from .trace import code_fields, place

LEVELS = ((50, CRITICAL), (40, ERROR), (30, WARNING), (20, INFO))


class Stderr(TextIOWrapper):
    """sys.stderr of a worker whose standard error is the journal."""

    def __init__(self, log):
        stream = open(log.fd, "wb", closefd=False)
        TextIOWrapper.__init__(self, stream, "utf-8", "backslashreplace", line_buffering=True)
        self.log = log

    def write(self, text):
        if take(self.log, text):
            return len(text)
        return TextIOWrapper.write(self, text)


def take(log, text):
    """Logs what the caller's caller writes, if that is a handler of ``logging``; says whether it was."""
    record = written_record()
    if record is None:
        return False
    level = next((ours for theirs, ours in LEVELS if record.levelno >= theirs), DEBUG)
    fields = code_fields(record.pathname, record.lineno, record.funcName)
    if record.exc_info and record.exc_info[2] is not None:
        fields = place(record.exc_info[1])
    fields["LOGGER"] = record.name
    log.put(level, text, fields)
    return True


def written_record():
    """The record that logging.StreamHandler.emit() is writing three frames up, None when nothing of that kind does."""
    logging = sys.modules.get("logging")
    handler = getattr(logging, "StreamHandler", None)
    try:
        frame = sys._getframe(3)
    except ValueError:
        return None
    if handler is None or frame.f_code is not handler.emit.__code__:
        return None
    return frame.f_locals.get("record")


def adopt_threads(log):
    """Makes one entry of an exception that ends a thread of the application's, unless it looks after them itself."""
    threading = sys.modules.get("threading")
    if getattr(getattr(threading, "excepthook", None), "__module__", "") not in ("_thread", "threading"):
        return                  # there are no threads yet, or somebody else's hook

    def excepthook(args):
        if args.exc_type is not SystemExit:
            log.exception("error in the thread %s" % getattr(args.thread, "name", "?"), args.exc_value)

    threading.excepthook = excepthook
