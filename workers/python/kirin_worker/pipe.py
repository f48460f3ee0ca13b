"""Our end of a stream's socket in an event loop: writes that wait for the other end, and reads."""

import asyncio

import _socket

HIGH = 64 << 10         # bytes that may wait before drained() does
READ_SIZE = 64 << 10
NOW = _socket.MSG_DONTWAIT


class Pipe:
    """Writes are taken at once and sent as the other end reads. ``broken`` once nobody does."""

    def __init__(self, loop, sock):
        self.loop = loop
        self.sock = sock
        self.fd = sock.fileno()
        self.waiting = bytearray()
        self.writer = None          # a Future for those that wait until nothing is waiting
        self.readers = []           # a Future for each that waits for something to read
        self.broken = False

    def write(self, data):
        """Sends ``data``, or as much as there is room for; the rest follows."""
        if self.broken or not data:
            return
        if not self.waiting:
            try:
                sent = self.sock.send(data, NOW)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self.fail()
                return
            if sent == len(data):
                return
            self.loop.add_writer(self.fd, self.writable)
            data = memoryview(data)[sent:]
        self.waiting += data

    def writable(self):
        try:
            del self.waiting[:self.sock.send(self.waiting, NOW)]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.fail()
            return
        if not self.waiting:
            self.loop.remove_writer(self.fd)
            self.wake_writer()

    async def drained(self):
        """Returns at once while little is waiting, else when all is sent or nobody reads any more."""
        if len(self.waiting) > HIGH:
            await self.flushed()

    async def flushed(self):
        """Returns when all is sent, or nobody reads any more."""
        while self.waiting and not self.broken:
            if self.writer is None:
                self.writer = self.loop.create_future()
            await asyncio.shield(self.writer)

    async def read(self, size):
        """At most ``size`` bytes; none at the end, or when wake() has ended the wait."""
        while True:
            try:
                return self.sock.recv(size, NOW)
            except (BlockingIOError, InterruptedError):
                pass
            except OSError:
                return b""
            if not await self.readable():
                return b""

    async def readable(self):
        """Waits until there is something to read; False when wake() has ended the wait."""
        if self.fd < 0:
            return False
        reader = self.loop.create_future()
        if not self.readers:
            self.loop.add_reader(self.fd, self.wake_readers, True)
        self.readers.append(reader)
        try:
            return await reader
        finally:
            self.readers.remove(reader)
            if not self.readers and self.fd >= 0:
                self.loop.remove_reader(self.fd)

    def wake_readers(self, something):
        for reader in self.readers:
            if not reader.done():
                reader.set_result(something)

    def wake(self):
        """Ends every wait."""
        self.wake_readers(False)
        self.wake_writer()

    def wake_writer(self):
        if self.writer is not None and not self.writer.done():
            self.writer.set_result(None)
        self.writer = None

    def fail(self):
        self.broken = True
        if self.waiting:
            self.loop.remove_writer(self.fd)
            self.waiting.clear()
        self.wake()

    def close(self):
        """Lets go of the socket, of what is waiting too."""
        if self.fd < 0:
            return
        self.fail()
        self.loop.remove_reader(self.fd)
        self.fd = -1
        try:
            self.sock.shutdown(_socket.SHUT_RDWR)   # a forked child may hold the socket too
        except OSError:
            pass
        self.sock.close()
