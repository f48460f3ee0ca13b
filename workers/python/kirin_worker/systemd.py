"""What systemd, or ``kirin run`` in its place, hands a worker.

See sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).
"""

import os

import _socket

from .errors import WorkerError

FIRST = 3       # SD_LISTEN_FDS_START
PATIENCE = 5.0  # seconds


def _take(*names):
    """The variables' values; removed, so that what the application starts does not inherit them."""
    return [os.environ.pop(name, "") for name in names]


def listener():
    """The listening socket that was handed over."""
    pid, count, _ = _take("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
    if pid and pid != str(os.getpid()):
        raise WorkerError("LISTEN_PID is %s but this process is %d" % (pid, os.getpid()))
    if count != "1":
        raise WorkerError("a worker wants one listening socket, but LISTEN_FDS is %r; "
                          "systemd or kirin run starts workers" % count)
    try:
        os.set_inheritable(FIRST, False)
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, FIRST)
        listening = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN)
    except OSError as error:
        raise WorkerError("descriptor 3 is not a socket: %s" % error)
    if not listening:
        raise WorkerError("descriptor 3 is not a listening socket")
    sock.setblocking(False)
    return sock


class Notifier:
    """Messages to NOTIFY_SOCKET; without one, ``connected`` is False and send does nothing."""

    def __init__(self, path="", interval=0.0):
        self.path = "\0" + path[1:] if path.startswith("@") else path
        self.interval = interval    # seconds between two WATCHDOG=1, 0 for none
        self.connected = bool(path)

    def leave(self, server):
        """A front has sent the server away. A manager sees the end by itself."""

    def send(self, message, patience=PATIENCE):
        """Sends one message; False when it could not be sent. A manager that does not listen is no reason
        to stop, and one that is busy is waited for at most ``patience`` seconds.
        """
        if not self.connected:
            return False
        kind = _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC
        sock = _socket.socket(_socket.AF_UNIX, kind)
        try:
            sock.settimeout(patience)
            sock.sendto(message.encode(), self.path)
        except OSError:
            return False
        finally:
            sock.close()
        return True


def notifier():
    """The Notifier that the environment asks for; WATCHDOG=1 is sent at a third of WATCHDOG_USEC."""
    path, usec, pid = _take("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    if pid and pid != str(os.getpid()):
        usec = ""
    interval = int(usec) / 3e6 if usec.isdigit() else 0.0
    return Notifier(path, interval)
