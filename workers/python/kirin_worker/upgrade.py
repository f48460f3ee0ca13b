"""The socket of a client that has asked for another protocol, in the environ of WSGI.

The application may leave it alone and answer as ever. With the first thing that it does with the socket, the
client's bytes are its own, and its response is what it writes there: from the status line on.
"""

import socket
from _thread import allocate_lock

ADOPTING = ("recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into", "send", "sendall", "sendmsg",
            "sendto", "sendfile", "makefile", "fileno", "detach", "dup", "shutdown", "setblocking", "settimeout")


class Upgrade:
    """One such socket, as the worker knows it."""

    def __init__(self, sock, accept):
        self.sock = sock
        self.fd = sock.fileno()
        self.accept = accept        # tells the front, once
        self.taken = False
        self.lock = allocate_lock()     # of who tells, which the end waits for

    def take(self):
        """The application has put its hand on the socket. Any thread may."""
        if self.taken:
            return
        with self.lock:
            if not self.taken:
                self.accept()
                self.taken = True

    def end(self):
        """Closes the socket. Whether the application has had it."""
        with self.lock:
            taken, self.taken = self.taken, True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)    # a thread or a forked child may hold it too
        except OSError:
            pass
        if not is_eventlets(type(self.sock)):   # with it, who waits for the socket would get an EOFError
            self.sock.close()
        self.sock.__dict__.pop("upgrade", None)     # with which it is a cycle
        return taken


def adopting(name):
    """A method of a socket that takes it over first."""
    def method(self, *args, **kwargs):
        upgrade = self.__dict__.get("upgrade")
        if upgrade is not None:
            upgrade.take()
        return getattr(super(type(self), self), name)(*args, **kwargs)
    method.__name__ = name
    return method


def describe(self):
    return "<the socket of the client that asks for an upgrade>"


def client_class(base):
    """A subclass of the class of sockets that the application works with, which gevent and eventlet replace."""
    methods = {name: adopting(name) for name in ADOPTING if hasattr(base, name)}
    return type("ClientSocket", (base,), dict(methods, __repr__=describe))


def is_eventlets(kind):
    return any(base.__module__.startswith("eventlet.") for base in kind.__mro__)


CLASSES = {}


def offer(fd, environ, accept):
    """Puts the socket into the environ under the names that libraries look for."""
    base = socket.socket
    if base not in CLASSES:
        CLASSES[base] = client_class(base)
    sock = CLASSES[base](socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=fd)
    sock.settimeout(None)
    upgrade = Upgrade(sock, accept)
    sock.__dict__["upgrade"] = upgrade
    environ["gunicorn.socket"] = environ["werkzeug.socket"] = sock
    if is_eventlets(base):
        environ["eventlet.input"] = EventletInput(sock)
    return upgrade


class EventletInput:
    """What eventlet.websocket asks for the socket."""

    def __init__(self, sock):
        self.sock = sock

    def get_socket(self):
        return self.sock
