"""Entries for journald, by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).

A message is one entry, however many lines it has, and has fields: whose it is, the request, the place in the code.
Only a worker whose standard error is the journal has this. Where journald's socket cannot be reached, everything
comes by lines on standard error.
"""

import os
from contextvars import ContextVar
from errno import EMSGSIZE, ENOBUFS
from struct import pack, unpack
from time import monotonic, sleep

import _socket

SOCKET = "/run/systemd/journal/socket"
STREAM = "/run/systemd/journal/stdout"
PATIENCE = 1.0          # seconds that a journal that is busy is waited for

SIOCOUTQ = 0x5411       # of unix(7): how many bytes nobody has read
F_ADD_SEALS = 1033      # of fcntl(2), with all that there are
SEALS = 15
MFD_CLOEXEC, MFD_ALLOW_SEALING = 1, 2

# The environ or the scope of what a thread or a task works on.
REQUEST = ContextVar("kirin.request", default=None)


def connect(identifier, worker):
    """A Journal, or None when journald cannot be reached. ``worker`` is NAME:NUMBER."""
    try:
        return Journal(identifier, worker)
    except OSError:
        return None


class Journal:
    """The way to journald. Any thread may send, and so may a forked child."""

    def __init__(self, identifier, worker):
        app, _, number = worker.rpartition(":")
        self.identifier = identifier
        self.common = encode("SYSLOG_IDENTIFIER", identifier) + encode("KIRIN_APP", app) + encode("WORKER", number)
        self.sock = dial()

    def send(self, level, message, fields=None):
        """Sends one entry, with the fields of the request that the caller works on. False when it could not."""
        parts = [self.common, encode("PRIORITY", level), encode("MESSAGE", message.rstrip("\n"))]
        found = request_fields(REQUEST.get())
        found.update(fields or ())
        parts.extend(encode(name, value) for name, value in found.items())
        data = b"".join(parts)
        try:
            return self._send(data)
        except _socket.timeout:
            return False
        except OSError:
            pass
        try:                    # journald's socket is a new one, perhaps
            old, self.sock = self.sock, dial()
            old.close()
            return self._send(data)
        except OSError:
            return False

    def _send(self, data):
        try:
            self.sock.send(data)
        except OSError as error:
            if error.errno not in (EMSGSIZE, ENOBUFS):
                raise
            send_large(self.sock, data)
        return True

    def note(self, request):
        """Notes what the calling thread, task or green thread works on from now on."""
        REQUEST.set(request)

    def sync(self):
        """Waits until journald has taken in what was sent. It is for a process that is about to end: journald finds
        the unit of an entry by looking its sender up in /proc. It passes over an empty datagram, after those before.
        """
        from fcntl import ioctl
        try:
            self.sock.send(b"")
            end = monotonic() + PATIENCE
            while unpack("i", ioctl(self.sock.fileno(), SIOCOUTQ, bytes(4)))[0] and monotonic() < end:
                sleep(0.0005)
        except OSError:
            pass

    def stream(self, level):
        """A descriptor whose lines are entries of ``level`` (sd_journal_stream_fd(3)); -1 when there is none."""
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        try:
            sock.settimeout(PATIENCE)
            sock.connect(STREAM)
            sock.send(b"%s\n\n%d\n0\n0\n0\n0\n" % (self.identifier.encode(), level))
            sock.setblocking(True)
            return sock.detach()
        except OSError:
            sock.close()
            return -1


def dial():
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        sock.settimeout(PATIENCE)
        sock.connect(SOCKET)
    except OSError:
        sock.close()
        raise
    return sock


def send_large(sock, data):
    """Sends what is too large for a datagram as a sealed memfd."""
    from fcntl import fcntl
    fd = os.memfd_create("kirin-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]
        fcntl(fd, F_ADD_SEALS, SEALS)
        sock.sendmsg([], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, pack("i", fd))])
    finally:
        os.close(fd)


def encode(name, value):
    """One field; nothing when it has no value."""
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "backslashreplace")
    if not data:
        return b""
    if b"\n" in data:
        return b"%s\n%s%s\n" % (name.encode(), pack("<Q", len(data)), data)
    return b"%s=%s\n" % (name.encode(), data)


def request_fields(request):
    """The fields of a request, as the access log has them, of its environ or its scope. The application may have
    changed those.
    """
    if request is None:
        return {}
    if "REQUEST_METHOD" in request:
        method, target = request["REQUEST_METHOD"], raw(request.get("RAW_URI", ""))
    else:
        method, target = request.get("method", "GET"), raw(request.get("raw_path", ""))
        if request.get("query_string"):
            target += b"?" + raw(request["query_string"])
    return {"HTTP_METHOD": method, "HTTP_TARGET": target, "REQUEST_ID": request.get("kirin.request_id", "")}


def raw(text):
    """The bytes that came: an environ has them as Latin-1 (PEP 3333)."""
    return text if isinstance(text, bytes) else str(text).encode("latin-1", "backslashreplace")
