"""``gunicorn.dirty.client``: how an application calls a dirty one.

A client keeps nothing between two calls, each of which has a connection of its own: one may be used by any thread, in
a forked process, and across a reload.
"""

import os
import socket
from time import monotonic

from .dirty_errors import DirtyConnectionError, DirtyError, DirtyProtocolError, DirtyTimeoutError
from .dirty_wire import BODY, CALL, CHUNK, END, ERROR, RESULT, pack, receive

VARIABLE = "GUNICORN_DIRTY_SOCKET"      # NAME:GENERATION, or what set_dirty_socket_path was given
PREFIX = "@kirin-dirty-"


class Deadline:
    """When an operation is to be over."""

    def __init__(self, timeout, what):
        self.timeout = timeout
        self.what = what
        self.at = monotonic() + timeout if timeout else None

    def left(self):
        """The seconds that are left, None without a limit; DirtyTimeoutError when there are none."""
        if self.at is None:
            return None
        left = self.at - monotonic()
        if left <= 0:
            raise self.error()
        return left

    def error(self):
        return DirtyTimeoutError("%s took longer than the client's %g s" % (self.what, self.timeout), self.timeout)


class Connector:
    """The way to the arbiter at ``socket_path``."""

    def __init__(self, socket_path, timeout=30.0):
        self.socket_path = socket_path
        self.timeout = timeout

    def address(self):
        name = self.socket_path.partition(":")[0] if self.socket_path.startswith(PREFIX) else self.socket_path
        return "\0" + name[1:] if name.startswith("@") else name

    def generation(self):
        """The version of the application that this process is of: a reload changes dirty ones as well."""
        number = self.socket_path.rpartition(":")[2]
        return int(number) if number.isdigit() else 0

    def begin(self, data, deadline):
        """A connection on which ``data`` has been sent."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.left())
            sock.connect(self.address())
            sock.sendall(data)
        except OSError as error:
            sock.close()
            raise self.explain(error, deadline)
        return sock

    def answer(self, sock, deadline):
        """(kind, value) of what comes next."""
        try:
            return receive(sock, lambda: sock.settimeout(deadline.left()))
        except (OSError, EOFError) as error:
            raise self.explain(error, deadline)

    def explain(self, error, deadline):
        if isinstance(error, socket.timeout):
            return deadline.error()
        if isinstance(error, EOFError):
            return DirtyConnectionError("%s: the connection ended before the answer did" % deadline.what,
                                        self.socket_path)
        return DirtyConnectionError("Failed to connect to dirty arbiter: %s" % error, self.socket_path)


class DirtyClient(Connector):
    """Calls dirty applications; ``timeout`` is in seconds, for a whole call or stream. None: no limit."""

    def execute(self, app_path, action, *args, **kwargs):
        """What ``action`` of the application returns."""
        deadline, data = self._call(app_path, action, args, kwargs)
        sock = self.begin(data, deadline)
        try:
            return result(*self.answer(sock, deadline))
        finally:
            sock.close()

    def stream(self, app_path, action, *args, **kwargs):
        """An iterator over what ``action`` yields."""
        return DirtyStreamIterator(self, app_path, action, args, kwargs)

    async def execute_async(self, app_path, action, *args, **kwargs):
        """``execute`` for a coroutine."""
        from .dirty_async import Exchange
        deadline, data = self._call(app_path, action, args, kwargs)
        exchange = Exchange(self, deadline)
        try:
            await exchange.begin(data)
            return result(*await exchange.answer())
        finally:
            exchange.close()

    def stream_async(self, app_path, action, *args, **kwargs):
        """``stream`` for a coroutine."""
        from .dirty_async import DirtyAsyncStreamIterator
        return DirtyAsyncStreamIterator(self, app_path, action, args, kwargs)

    def _call(self, app_path, action, args, kwargs):
        deadline = Deadline(self.timeout, "%s.%s" % (app_path, action))
        return deadline, pack(CALL, (self.generation(), app_path, action)) + pack(BODY, (args, kwargs))

    def connect(self):
        """Looks whether the arbiter is there; each call connects by itself."""
        self.begin(b"", Deadline(self.timeout, "connecting")).close()

    def close(self):
        """Nothing is kept open."""

    async def connect_async(self):
        """``connect``."""
        self.connect()

    async def close_async(self):
        """Nothing is kept open."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        self.close()


class DirtyStreamIterator:
    """What a stream yields. The call begins with the first item, and ends early with close()."""

    DEFAULT_IDLE_TIMEOUT = 30.0

    def __init__(self, client, app_path, action, args, kwargs, idle_timeout=None):
        self.client, self.app_path, self.action, self.args, self.kwargs = client, app_path, action, args, kwargs
        self.idle_timeout = idle_timeout
        self.deadline = self.sock = None
        self.over = False

    def __iter__(self):
        return self

    def __next__(self):
        if self.over:
            raise StopIteration
        try:
            if self.sock is None:
                self.deadline, data = self.client._call(self.app_path, self.action, self.args, self.kwargs)
                self.sock = self.client.begin(data, self.deadline)
            kind, value = self.client.answer(self.sock, within(self.deadline, self.idle_timeout))
            if kind == CHUNK:
                return value
            self.close()
            return last(kind, value)
        except BaseException:
            self.close()
            raise

    def close(self):
        """Ends it; the worker stops at its next item."""
        self.over = True
        if self.sock is not None:
            self.sock.close()


def within(deadline, idle):
    """``deadline``, or a nearer one for an item of a stream."""
    if not idle:
        return deadline
    left = deadline.left()
    return deadline if left is not None and left <= idle else Deadline(idle, deadline.what)


def result(kind, value):
    """What the answer to ``execute`` says."""
    if kind == RESULT:
        return value
    if kind == ERROR:
        raise DirtyError.from_dict(value)
    raise DirtyProtocolError("the action is a generator: call it with stream()")


def last(kind, value):
    """What ends a stream: END, or the only item of an action that is no generator."""
    if kind == END:
        raise StopIteration
    return result(kind, value)


_chosen = []        # what set_dirty_socket_path was given


def set_dirty_socket_path(path):
    """Names the arbiter; None: as the environment does."""
    _chosen[:] = [path] if path else []


def get_dirty_socket_path():
    """Where the arbiter is; DirtyError when there is none."""
    path = _chosen[0] if _chosen else os.environ.get(VARIABLE)
    if not path:
        raise DirtyError("there are no dirty workers: set dirty_apps, and dirty_workers to 1 or more")
    return path


def get_dirty_client(timeout=30.0):
    """A client."""
    return DirtyClient(get_dirty_socket_path(), timeout)


async def get_dirty_client_async(timeout=30.0):
    """A client, for a coroutine."""
    return DirtyClient(get_dirty_socket_path(), timeout)


def close_dirty_client():
    """Nothing is kept open."""


async def close_dirty_client_async():
    """Nothing is kept open."""
