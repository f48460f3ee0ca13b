"""The error log: Gunicorn's line format; in the journal, entries with fields or lines as in sd-daemon(3)."""

import os
from select import POLLOUT, poll
from time import localtime, strftime

CRITICAL, ERROR, WARNING, INFO, DEBUG = 2, 3, 4, 6, 7
NAMES = {2: "CRITICAL", 3: "ERROR", 4: "WARNING", 6: "INFO", 7: "DEBUG"}


def is_journal(fd, stream):
    """Whether ``stream``, the value of JOURNAL_STREAM (systemd.exec(5)), names what ``fd`` is."""
    try:
        device, _, inode = stream.partition(":")
        status = os.fstat(fd)
        return (status.st_dev, status.st_ino) == (int(device), int(inode))
    except (OSError, ValueError):
        return False


def write_all(fd, data):
    """Writes all of ``data``. A log that cannot be written is no reason to stop: errors are dropped."""
    while data:
        try:
            data = data[os.write(fd, data):]
        except BlockingIOError:
            poller = poll()
            poller.register(fd, POLLOUT)
            if not poller.poll(1000):
                return
        except OSError:
            return


# MESSAGE_IDs; the table of all is in internal/logs/message_id.go
APP_ERROR = "3fd49f98be4d417c82900c77204fea87"
APP_NOT_LOADED = "e8bf77b88764459ca7f6ca7dc8d2b1fc"


class Log:
    """Messages of ``level`` and graver, each in one write so that processes do not mix their lines."""

    def __init__(self, fd=2, level=INFO, journal_stream=""):
        self.fd = fd
        self.level = level
        self.journal = bool(journal_stream) and is_journal(fd, journal_stream)
        self.native = None      # a Journal
        self.statsd = None      # a Counter
        self.python = None      # the logger that everything goes to instead (pylog)
        self.make = None        # makes Gunicorn's Logger, when somebody asks for it
        self.made = None

    def connect(self, identifier, worker):
        """Finds the way to journald, when this is the journal."""
        if self.journal:
            from .journal import connect
            self.native = connect(identifier, worker)

    def logger(self):
        """Gunicorn's Logger on this log, made once: by it Python's ``logging`` is set up."""
        if self.made is None and self.python is None:
            __import__("logging")           # for which pylog may be waiting to set it up
            self.made = self.made or self.make()
        return self.python or self.made

    def write(self, level, message, fields=None):
        """Logs ``message``, which may have several lines; ``fields`` are for the journal."""
        if self.statsd is not None:
            self.statsd.message(level)
        if self.python is not None:
            from .pylog import tell
            tell(self.python, level, message)
        elif level <= self.level:
            self.put(level, message, fields)

    def put(self, level, message, fields=None):
        """Logs a message of any level."""
        if self.native is not None and self.native.send(level, message, fields):
            return
        if self.journal:
            text = "".join("<%d>%s\n" % (level, line) for line in message.splitlines())
        else:
            stamp = strftime("%Y-%m-%d %H:%M:%S %z", localtime())
            text = "[%s] [%d] [%s] %s\n" % (stamp, os.getpid(), NAMES[level], message.rstrip("\n"))
        write_all(self.fd, text.encode("utf-8", "backslashreplace"))

    def exception(self, message, error, identity=""):
        """Logs an exception with its traceback. ``identity`` is a MESSAGE_ID."""
        if self.statsd is not None:
            self.statsd.count("exception")
        if self.python is not None:
            self.python.error("%s", message, exc_info=(type(error), error, error.__traceback__))
            return
        from .trace import format_error, place
        fields = place(error)
        fields["MESSAGE_ID"] = identity
        self.write(ERROR, "%s\n%s" % (message, format_error(error)), fields)

    def critical(self, message, fields=None):
        self.write(CRITICAL, message, fields)

    def error(self, message, fields=None):
        self.write(ERROR, message, fields)

    def warning(self, message, fields=None):
        self.write(WARNING, message, fields)

    def info(self, message):
        self.write(INFO, message)

    def debug(self, message):
        self.write(DEBUG, message)


class ErrorStream:
    """wsgi.errors (PEP 3333): a text stream that hands whole lines to the error log's descriptor."""

    def __init__(self, log):
        self.log = log
        self.fd = log.fd
        self.pending = ""
        self.take = None
        if log.native is not None:
            from .records import take
            self.take = take

    def write(self, text):
        """Keeps what comes after the last newline for later: print() writes its newline by itself."""
        if self.take is not None and self.take(self.log, text):
            return len(text)
        text = self.pending + text
        cut = text.rfind("\n") + 1
        self.pending = text[cut:]
        if cut:
            write_all(self.fd, text[:cut].encode("utf-8", "backslashreplace"))
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        """Writes the unfinished line too. The runtime calls it at the end of each request."""
        if self.pending:
            text, self.pending = self.pending, ""
            write_all(self.fd, text.encode("utf-8", "backslashreplace"))

    def isatty(self):
        return False
