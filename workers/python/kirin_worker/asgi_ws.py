"""ASGI's websocket scope: one connection through the application.

The front speaks RFC 6455. Whole messages come and go on the front's connection (asgi_messages.py), or with a front
that does without on a stream socket of the WebSocket's own, each behind a head of its length and its kind
(docs/protocol.md).
"""

from struct import Struct

import _socket

from .asgi_errors import ASGIError, ClientDisconnected
from .asgi_heads import encode_headers
from .wire import ACCEPT, COMPLETE, END, INLINE

NOW = _socket.MSG_DONTWAIT
HEAD = Struct("<IB")        # length, kind
TEXT, BINARY, CLOSE = 1, 2, 8
READ_SIZE = 64 << 10
AHEAD = 128 << 10           # bytes that are read ahead of an application that does not ask

CONNECTING, OPEN, ANSWERING, CLOSED = range(4)
NO_STATUS, ABNORMAL, INTERNAL, RESTART = 1005, 1006, 1011, 1012     # RFC 6455, section 7.4, and IANA's list


class BaseSocket:
    """What all WebSockets have in common. All of it is the loop's thread's."""

    __slots__ = ("server", "conn", "ident", "scope", "task", "ended", "gone", "state", "connected", "closing", "answer")

    def __init__(self, server, conn, request):
        self.server = server
        self.conn = conn
        self.ident, _, self.scope, _ = request
        self.task = None
        self.ended = False          # the application has returned
        self.gone = False           # the front is, or it has cancelled
        self.state = CONNECTING
        self.connected = False      # websocket.connect was received
        self.closing = None         # (code, reason) of the client's end
        self.answer = None          # status, headers and body of websocket.http.response
        conn.queued[self.ident] = self

    def waits(self, task):
        """The application goes on in ``task``."""
        self.task = task
        self.server.tasks[task] = self
        self.conn.running.add(self)

    async def run(self):
        """Calls the application, and sees that the connection ends with it."""
        server = self.server
        try:
            await server.app(server.complete(self.scope), self.receive, self.send)
        except BaseException as error:
            if not server.falls(self, error):
                self.fail(error)
            if type(error) in (SystemExit, KeyboardInterrupt):
                raise
        finally:
            await self.finish()

    def lose(self, code, reason=""):
        """The client has ended the connection."""
        if self.closing is None:
            self.closing = (code, reason)
        self.state = CLOSED

    def disconnect(self):
        """The front has given the connection up."""
        if not self.gone:
            self.gone = True
            self.lose(ABNORMAL)
            self.shut()
            if self.task is not None:
                self.server.loop.call_later(self.server.options.disconnect_grace, self.cancel)

    def cancel(self):
        if not self.ended:
            self.task.cancel()

    # send

    async def send(self, message):
        """Takes a message of the application's."""
        kind = message["type"]
        if self.state == CLOSED:
            if kind == "websocket.close":
                return                      # both ends at the same time
            raise ClientDisconnected()
        if kind == "websocket.send":
            await self.write(message)
        elif kind == "websocket.accept":
            self.accept(message)
        elif kind == "websocket.close":
            self.close(message)
        elif kind == "websocket.http.response.start":
            self.start(message)
        elif kind == "websocket.http.response.body":
            self.part(message)
        else:
            raise ASGIError("%r is not a message that a websocket scope sends" % (kind,))

    def expect(self, state, kind):
        if self.state != state:
            raise ASGIError("%s does not belong here" % kind)

    def accept(self, message):
        self.expect(CONNECTING, "websocket.accept")
        headers = encode_headers(message.get("headers", ()))
        if any(name.lower().startswith("sec-websocket-") for name, _ in headers):
            raise ASGIError("websocket.accept has headers of the handshake; a subprotocol has a key of its own")
        self.post(ACCEPT, None, headers, message.get("subprotocol"))
        self.state = OPEN
        if self.conn.draining:
            self.retire()

    def close(self, message):
        """Ends the connection, or refuses it."""
        if self.state == CONNECTING:
            self.refuse("403", [], b"")
            return
        self.expect(OPEN, "websocket.close")
        code, reason = message.get("code", 1000), message.get("reason") or ""
        self.say_close(code, reason)
        self.closing = (code, reason)

    @staticmethod
    def close_body(code, reason):
        """The content of a Close frame."""
        return code.to_bytes(2, "big") + reason.encode("utf-8")[:123].decode("utf-8", "ignore").encode("utf-8")

    def retire(self):
        """The worker ends: the client is to connect anew."""
        if self.state == OPEN:
            self.say_close(RESTART)
            self.closing = (RESTART, "")
            self.retired()

    def refuse(self, status, headers, body):
        """Answers the handshake with a response."""
        self.state = CLOSED
        self.closing = (ABNORMAL, "")
        self.conn.queued.pop(self.ident, None)
        self.post(COMPLETE, status, headers, body)

    def start(self, message):
        self.expect(CONNECTING, "websocket.http.response.start")
        self.answer = [str(message["status"]), encode_headers(message.get("headers", ())), b""]
        self.state = ANSWERING

    def part(self, message):
        self.expect(ANSWERING, "websocket.http.response.body")
        self.answer[2] += message.get("body", b"")
        if len(self.answer[2]) > INLINE:
            raise ASGIError("the body of websocket.http.response is larger than %d bytes" % INLINE)
        if not message.get("more_body", False):
            self.refuse(*self.answer)

    def post(self, kind, status, headers, body):
        self.conn.seal()
        self.conn.post((self.ident, kind, status, headers, body))
        self.conn.flush()

    # The end

    def fail(self, error):
        server = self.server
        quiet = self.closing is not None and isinstance(error, (OSError, server.cancelled))
        if not quiet and not server.signals.quitting:
            server.report(error, self.scope)
        if self.state in (CONNECTING, ANSWERING):
            self.refuse("500", [], b"Internal Server Error")
        elif self.state == OPEN:
            self.say_close(INTERNAL)

    async def finish(self):
        """The application has returned, in whatever way."""
        self.ended = True
        if self.state in (CONNECTING, ANSWERING):
            self.refuse("500", [], b"Internal Server Error")
        elif self.state == OPEN:
            self.say_close(1000)
        try:
            await self.finish_writing()
        finally:
            self.shut()
            if self.conn.queued.pop(self.ident, None) is not None:  # accepted, or cancelled
                self.post(END, 1, None, 0)
            self.server.ended(self)


class Socket(BaseSocket):
    """One whose messages come and go on a stream socket of its own."""

    __slots__ = ("pipe", "data", "at", "reading", "waiting")

    def __init__(self, server, conn, request):
        BaseSocket.__init__(self, server, conn, request)
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, request[3][1])
        sock.setblocking(False)
        self.pipe = server.pipe(sock)
        self.data = b""             # what was read and not taken yet; a bytearray when it is put together
        self.at = 0                 # from where on
        self.reading = False        # the loop tells of what comes
        self.waiting = []           # a Future for each receive() that waits

    # receive

    async def receive(self):
        """The next message."""
        if not self.connected:
            self.connected = True
            return {"type": "websocket.connect"}
        while True:
            message = self.take()
            if message is not None:
                return message
            if self.closing is not None:
                code, reason = self.closing
                return {"type": "websocket.disconnect", "code": code, "reason": reason}
            await self.more()

    async def more(self):
        """Waits until something has come, or the connection has ended."""
        if not self.reading:
            self.reading = True
            self.server.loop.add_reader(self.pipe.fd, self.readable)
        waiter = self.server.loop.create_future()
        self.waiting.append(waiter)
        try:
            await waiter
        finally:
            self.waiting.remove(waiter)

    def readable(self):
        """The loop's word that something has come."""
        if not self.waiting and len(self.data) - self.at > AHEAD:
            self.stop_reading()
            return
        try:
            data = self.pipe.sock.recv(READ_SIZE, NOW)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.stop_reading()
            self.lose(ABNORMAL)
        elif not self.data:
            self.data = data
        else:
            self.grow(data)
        self.wake()

    def grow(self, data):
        if type(self.data) is bytes:
            self.data = bytearray(self.data)
        if self.at > AHEAD:
            del self.data[:self.at]
            self.at = 0
        self.data += data

    def stop_reading(self):
        if self.reading:
            self.reading = False
            self.server.loop.remove_reader(self.pipe.fd)

    def wake(self):
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_result(None)

    def take(self):
        """A whole message out of what was read; None when there is none, or it was the end."""
        data, begin = self.data, self.at + HEAD.size
        if len(data) < begin:
            return None
        size, kind = HEAD.unpack_from(data, self.at)
        end = begin + size
        if len(data) < end:
            return None
        body = bytes(data[begin:end])
        if end == len(data):
            self.data, self.at = b"", 0
        else:
            self.at = end
        if kind == TEXT:
            return {"type": "websocket.receive", "text": body.decode("utf-8")}
        if kind == BINARY:
            return {"type": "websocket.receive", "bytes": body}
        code = int.from_bytes(body[:2], "big") if body else NO_STATUS
        self.lose(code, body[2:].decode("utf-8", "replace"))
        return None

    # send

    async def write(self, message):
        self.expect(OPEN, "websocket.send")
        text = message.get("text")
        data = message.get("bytes") if text is None else text.encode("utf-8")
        if data is None:
            raise ASGIError("websocket.send has neither text nor bytes")
        self.pipe.write(HEAD.pack(len(data), BINARY if text is None else TEXT) + data)
        if self.pipe.waiting:
            await self.pipe.drained()
        if self.pipe.broken:
            self.lose(ABNORMAL)
            raise ClientDisconnected()

    def say_close(self, code, reason=""):
        body = self.close_body(code, reason)
        self.pipe.write(HEAD.pack(len(body), CLOSE) + body)
        self.state = CLOSED

    # The end

    def retired(self):
        """1012 was said."""
        self.pipe.wake()
        self.wake()

    def shut(self):
        """Lets go of the socket."""
        self.reading = False
        self.pipe.close()
        self.wake()

    async def finish_writing(self):
        await self.pipe.flushed()
