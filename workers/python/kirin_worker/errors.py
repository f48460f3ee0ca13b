"""The errors that end a worker, the exit status of each (docs/protocol.md), and the application's own."""

USAGE = 2
BOOT = 3
APPLICATION = 4

TORNADO_MISSING = ("the worker class tornado wants tornado, which cannot be imported: %s; install it where the "
                   "application lives (python3-tornado in Debian, tornado by pip)")


class WorkerError(Exception):
    """What a user can mend: one line, and the exit status that goes with it."""

    def __init__(self, message, status=BOOT):
        Exception.__init__(self, message)
        self.status = status


class LoadError(WorkerError):
    """The application cannot be loaded: a last line, then perhaps the traceback."""

    def __init__(self, message, trace=""):
        WorkerError.__init__(self, message, APPLICATION)
        self.trace = trace

    def text(self):
        """The line and the traceback, as HELLO's ``error`` carries them."""
        line = str(self)
        return line + "\n" + self.trace if self.trace else line


class WSGIError(Exception):
    """The application broke PEP 3333: with what it returned, or with how it called what it was given."""

    __module__ = "builtins"     # for a short name in the log
