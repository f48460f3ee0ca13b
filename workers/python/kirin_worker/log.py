"""The error log: Gunicorn's line format, or the prefixes of sd-daemon(3) when it is the journal."""

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


class Log:
    """Messages of ``level`` and graver, each in one write so that processes do not mix their lines."""

    def __init__(self, fd=2, level=INFO, journal_stream=""):
        self.fd = fd
        self.level = level
        self.journal = bool(journal_stream) and is_journal(fd, journal_stream)

    def write(self, level, message):
        """Logs ``message``, which may have several lines."""
        if level > self.level:
            return
        if self.journal:
            text = "".join("<%d>%s\n" % (level, line) for line in message.splitlines())
        else:
            stamp = strftime("%Y-%m-%d %H:%M:%S %z", localtime())
            text = "[%s] [%d] [%s] %s\n" % (stamp, os.getpid(), NAMES[level], message.rstrip("\n"))
        write_all(self.fd, text.encode("utf-8", "backslashreplace"))

    def critical(self, message):
        self.write(CRITICAL, message)

    def error(self, message):
        self.write(ERROR, message)

    def warning(self, message):
        self.write(WARNING, message)

    def info(self, message):
        self.write(INFO, message)

    def debug(self, message):
        self.write(DEBUG, message)


class ErrorStream:
    """wsgi.errors (PEP 3333): a text stream that hands whole lines to the error log's descriptor."""

    def __init__(self, fd):
        self.fd = fd
        self.pending = ""

    def write(self, text):
        """Keeps what comes after the last newline for later: print() writes its newline by itself."""
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
