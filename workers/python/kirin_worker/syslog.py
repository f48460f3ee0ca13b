"""Messages to a syslog server, in the forms that the front has (internal/logs/syslog.go): RFC 3164, and RFC 5424."""

import os
import socket
import time
from datetime import datetime
from logging.handlers import SysLogHandler

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()     # whatever the locale


class Handler(SysLogHandler):
    """SysLogHandler with a header. kind is "error" or "access", program what tags have in the middle."""

    append_nul = False

    def __init__(self, address, facility, socktype, program, kind, newer):
        SysLogHandler.__init__(self, address=address, facility=facility, socktype=socktype)
        self.kind = kind
        self.newer = newer
        self.tag = "gunicorn.%s.%s" % (program, kind)
        self.local = not isinstance(address, tuple)
        self.stream = getattr(self.socket, "type", socktype) == socket.SOCK_STREAM
        self.host = socket.gethostname() or "-"

    def emit(self, record):
        try:
            self.send(self.message(record))
        except Exception:
            self.handleError(record)

    def message(self, record):
        """One message, framed for the transport. A line feed, at which many servers cut, is #012 in the older form."""
        text = self.format(record)
        priority = self.encodePriority(self.facility, self.mapPriority(record.levelname))
        stream = self.stream
        if self.newer:
            message = "<%d>1 %s %s %s %d %s - %s" % (
                priority, rfc3339(record.created), self.host, self.app_name(), os.getpid(), self.kind, text)
            data = message.encode("utf-8", "backslashreplace")
            return b"%d %s" % (len(data), data) if stream else data
        head = "<%d>%s " % (priority, stamp(record.created))
        if not self.local:
            head += self.host.partition(".")[0] + " "
        message = "%s%s: %s" % (head, self.tag, text.replace("\n", "#012"))
        return message.encode("utf-8", "backslashreplace") + (b"\n" if stream else b"")

    def app_name(self):
        """RFC 5424 §6.2.5."""
        return "".join(c if " " < c <= "~" else "_" for c in self.tag)[:48]

    def send(self, data):
        """Send it, by a new socket when the server was started anew or dictConfig has closed the handler."""
        try:
            if self.stream or self.local:
                self.socket.sendall(data)
            else:
                self.socket.sendto(data, self.address)
        except (OSError, AttributeError):
            self.close_socket()
            self.connect()
            self.socket.sendall(data)

    def close_socket(self):
        if self.socket:
            self.socket.close()

    def connect(self):
        if self.local:
            self._connect_unixsocket(self.address)
        elif self.stream:
            self.socket = socket.create_connection(self.address, timeout=5)
        else:
            family = socket.getaddrinfo(*self.address, type=socket.SOCK_DGRAM)[0][0]
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
            self.socket.connect(self.address)


def rfc3339(moment):
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="microseconds")


def stamp(moment):
    """RFC 3164 §4.1.2."""
    t = time.localtime(moment)
    return "%s %2d %02d:%02d:%02d" % (MONTHS[t.tm_mon - 1], t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec)
