"""The client of dirty workers for coroutines. Apart from dirty_client: only they need asyncio."""

import asyncio
import socket

from .dirty_client import last, within
from .dirty_wire import CHUNK, HEADER, size_of, unpack


class Exchange:
    """One call."""

    def __init__(self, client, deadline):
        self.client = client
        self.deadline = deadline
        self.reader = self.writer = None

    async def begin(self, data):
        """Connects, and sends ``data``."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.connect(self.client.address())     # at once, or not at all
            self.reader, self.writer = await asyncio.open_unix_connection(sock=sock)
        except BaseException as error:
            sock.close()
            raise self.explained(error, self.deadline)
        self.writer.write(data)
        await self.wait(self.writer.drain(), self.deadline)

    async def answer(self, idle=None):
        """(kind, value) of what comes next."""
        deadline = within(self.deadline, idle)
        size, kind = size_of(await self.wait(self.reader.readexactly(HEADER.size), deadline))
        return kind, unpack(await self.wait(self.reader.readexactly(size), deadline))

    async def wait(self, operation, deadline):
        try:
            return await asyncio.wait_for(operation, deadline.left())
        except BaseException as error:
            operation.close()       # it may not have begun
            raise self.explained(error, deadline)

    def explained(self, error, deadline):
        if isinstance(error, asyncio.TimeoutError):
            return deadline.error()
        if isinstance(error, (OSError, EOFError)):
            return self.client.explain(error, deadline)
        return error

    def close(self):
        if self.writer is not None:
            self.writer.transport.abort()


class DirtyAsyncStreamIterator:
    """What a stream yields, for ``async for``."""

    DEFAULT_IDLE_TIMEOUT = 30.0

    def __init__(self, client, app_path, action, args, kwargs, idle_timeout=None):
        self.client, self.app_path, self.action, self.args, self.kwargs = client, app_path, action, args, kwargs
        self.idle_timeout = idle_timeout
        self.exchange = None
        self.over = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.over:
            raise StopAsyncIteration
        try:
            if self.exchange is None:
                deadline, data = self.client._call(self.app_path, self.action, self.args, self.kwargs)
                self.exchange = Exchange(self.client, deadline)
                await self.exchange.begin(data)
            kind, value = await self.exchange.answer(self.idle_timeout)
            if kind == CHUNK:
                return value
            self.close()
            return self.last(kind, value)
        except BaseException:
            self.close()
            raise

    def last(self, kind, value):
        try:
            return last(kind, value)
        except StopIteration:
            raise StopAsyncIteration

    def close(self):
        """Ends it; the worker stops at its next item."""
        self.over = True
        if self.exchange is not None:
            self.exchange.close()

    async def aclose(self):
        """As an asynchronous generator has it."""
        self.close()
