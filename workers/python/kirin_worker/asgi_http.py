"""ASGI's http scope: one request through the application, and its response into the connection."""

import os
from stat import S_ISREG
from time import monotonic

import _socket

from . import bodies
from .asgi_errors import ASGIError, ClientDisconnected
from .asgi_heads import encode_headers, encode_status
from .asgi_uplink import Uplink
from .wire import COMPLETE, END, FILE, INLINE, INTERIM, STREAM, STREAMED, WHOLE

WAITING, BEGUN, HELD, STREAMING, DONE = range(5)

HOLD = 0.001            # seconds that the first part of a body waits for the last: they need no stream
READ_SIZE = 64 << 10

ERROR_PAGE = b"Internal Server Error"
ERROR_HEADERS = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(ERROR_PAGE)))]


class Exchange:
    """One request and its response. All of it is the loop's thread's."""

    # What most requests leave as it is costs them nothing.
    task = None         # which it has when it has had to wait
    ended = False       # the application has returned
    source = None       # where a body comes from part by part
    left = -1           # bytes of the request body that receive() has to give, -1: not begun
    gone = False        # the client is
    heard = None        # an asyncio.Event for those that wait for the end, once somebody does
    state = WAITING
    status = None
    headers = None
    held = b""          # the first part of a body
    timer = None        # which ends its wait
    pipe = None         # our end of the stream
    sent = 0            # bytes of the response body
    began = 0.0         # when, if anybody asks
    trailers = None     # a list, when the application has announced some

    def __init__(self, server, conn, request):
        self.server = server
        self.conn = conn
        self.ident, self.kind, self.scope, self.body = request
        if server.options.judge is not None:
            self.began = monotonic()

    def waits(self, task):
        """The application goes on in ``task``, or is to begin there."""
        self.task = task
        self.server.tasks[task] = self
        self.conn.running.add(self)
        if self.state != DONE:
            self.conn.queued[self.ident] = self
        if self.state == BEGUN:
            self.server.has_begun(self)

    async def run(self):
        """Calls the application, and sees that there is a response."""
        server = self.server
        began = monotonic() if server.noting else 0.0
        try:
            await server.app(server.complete(self.scope), self.receive, self.send)
        except BaseException as error:
            if not server.falls(self, error):
                self.fail(error)
            if type(error) in (SystemExit, KeyboardInterrupt):
                raise
        else:
            if self.state != DONE and not self.gone:
                self.fail(ASGIError("the application returned before its response was complete"))
        finally:
            self.finish()
            if server.noting:
                self.note(began)

    def note(self, began):
        """Tells those who want to know of each request, and of none any more."""
        options, log = self.server.options, self.server.log
        if options.access is not None:
            options.access(self.scope, self.status, self.headers, self.sent, began)
        if options.after is not None:
            self.conn.flush()
            options.after(self.scope, self.status, self.headers, self.sent)
        if log.native is not None:
            log.native.note(None)

    # receive

    async def receive(self):
        """The next message: the request body, then http.disconnect."""
        if self.left != 0 and not self.gone and self.state != DONE:
            return await self.more()
        if not self.gone and self.state != DONE:
            if self.heard is None:
                from asyncio import Event
                self.heard = Event()
            await self.heard.wait()
        return {"type": "http.disconnect"}

    async def more(self):
        """A part of the request body."""
        if self.kind == WHOLE:
            self.left = 0
            body, self.body = self.body, None
            return {"type": "http.request", "body": body or b"", "more_body": False}
        if self.kind == STREAMED:
            return await self.next_part()
        size, fd = self.body
        if self.left < 0:
            self.left = size
        data = os.read(fd, min(self.left, READ_SIZE))
        self.left = self.left - len(data) if data else 0
        if not self.left:
            self.close_body()
        return {"type": "http.request", "body": data, "more_body": self.left > 0}

    async def next_part(self):
        """A part of a body as the client sends it; the kernel's buffers hold it back while nobody asks."""
        if self.source is None:
            sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, self.body[1])
            sock.setblocking(False)
            self.source, self.body = Uplink(self.server.pipe(sock)), None
        data = await self.source.part()
        if data is None:        # before its end
            self.disconnect()
        if self.gone or self.state == DONE:
            return {"type": "http.disconnect"}
        if not data:
            self.left = 0
            self.close_body()
        return {"type": "http.request", "body": data, "more_body": bool(data)}

    def close_body(self):
        if self.source is not None:
            self.source.close()
        elif self.kind != WHOLE and self.body is not None:
            os.close(self.body[1])
            self.body = None

    def disconnect(self):
        """The client is gone: the application may notice, and has a while to."""
        if self.gone or self.state == DONE:
            return
        self.gone = True
        self.hear()
        if self.source is not None:
            self.source.close()
        if self.pipe is not None:
            self.shut_pipe()
        if self.task is not None:
            self.server.loop.call_later(self.server.options.disconnect_grace, self.cancel)

    def retire(self):
        """The worker ends: a request may finish."""

    def cancel(self):
        if not self.ended:
            self.task.cancel()

    def hear(self):
        if self.heard is not None:
            self.heard.set()

    # send

    async def send(self, message):
        """Takes a message of the application's."""
        kind = message["type"]
        if self.gone:
            raise ClientDisconnected()
        if self.state == DONE:
            return          # the specification has what follows the last part ignored
        if kind == "http.response.body":
            if self.state == BEGUN and self.trailers is None and not message.get("more_body"):
                body = message.get("body", b"")
                self.complete(body if type(body) is bytes else to_bytes(body))
            else:
                await self.part(message)
        elif kind == "http.response.start":
            self.start(message)
        elif kind in ("http.response.early_hint", "http.response.informational"):
            self.inform(message)
        elif kind == "http.response.pathsend":
            self.send_path(message)
        elif kind == "http.response.trailers":
            await self.trail(message)
        else:
            raise ASGIError("%r is not a message that a http scope sends" % (kind,))

    def start(self, message):
        if self.state != WAITING:
            raise ASGIError("http.response.start was sent twice")
        self.headers = encode_headers(message.get("headers", ()))
        self.status = encode_status(message["status"])
        if message.get("trailers"):
            self.announce_trailers()
        self.state = BEGUN
        if self.task is not None:
            self.server.has_begun(self)

    def announce_trailers(self):
        """For who wants them, the body must be chunked (RFC 9112, section 7.1.2)."""
        self.trailers = []
        if any(name == b"te" and b"trailers" in value.lower() for name, value in self.scope["headers"]):
            self.headers = [pair for pair in self.headers if pair[0].lower() != "content-length"]

    async def part(self, message):
        """http.response.body"""
        body = message.get("body", b"")
        if type(body) is not bytes:
            body = to_bytes(body)
        last = not message.get("more_body", False)
        if self.state == BEGUN or self.state == HELD:
            await self.hold(body, last)
        elif self.state == STREAMING:
            await self.push(body)
        else:
            raise ASGIError("http.response.body was sent before http.response.start")
        if last and self.state == STREAMING and self.trailers is None:
            await self.conclude()

    async def conclude(self):
        """Ends a stream once all of it is on its way."""
        await self.pipe.flushed()
        self.insist()
        self.end(True)

    async def hold(self, body, last):
        """A part before the stream: two small ones that come at once are sent as one."""
        first = self.state == BEGUN
        self.state = HELD
        self.held += body
        if last and self.trailers is None:
            self.complete(self.held)
        elif first and len(self.held) <= INLINE:
            self.timer = self.server.loop.call_later(HOLD, self.release)
        else:
            self.release()
            await self.drained()

    def complete(self, body):
        """The whole response at once."""
        if self.timer is not None:
            self.stop_holding()
        size = len(body)
        if size <= INLINE:
            self.answer((self.ident, COMPLETE, self.status, self.headers, body), size)
            return
        fd = bodies.spool(body)
        if fd < 0:
            raise OSError("there is no room for a response body of %d bytes" % size)
        self.answer((self.ident, FILE, self.status, self.headers, (0, size), fd))

    def answer(self, response, size=0):
        """Posts the response that ends the request."""
        self.state = DONE
        self.sent = size
        conn = self.conn
        if self.task is not None:
            conn.queued.pop(self.ident, None)
        judge = self.server.options.judge
        if judge is not None:
            status = self.status if response[1] == END else response[2]
            judge(conn, self.ident, self.scope, status, self.headers, size, self.began)
        conn.post(response, size)
        self.server.flush_soon(conn)
        if self.heard is not None:
            self.heard.set()

    def stop_holding(self):
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    # The stream

    def release(self):
        """Begins the stream, with what was held."""
        self.stop_holding()
        if self.state not in (BEGUN, HELD) or self.gone:
            return
        near, far = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        near.setblocking(False)
        self.pipe = self.server.pipe(near)
        self.state = STREAMING
        first, self.held = self.held, b""
        if len(first) > INLINE:
            self.pipe.write(first)
        self.sent = len(first)
        inline = first if len(first) <= INLINE else b""
        self.conn.post((self.ident, STREAM, self.status, self.headers, inline, far.detach()), len(inline))
        self.server.flush_soon(self.conn)

    async def push(self, body):
        self.sent += len(body)
        self.pipe.write(body)
        await self.drained()

    async def drained(self):
        """Waits until the client takes more."""
        await self.pipe.drained()
        self.insist()

    def insist(self):
        """ClientDisconnected when nobody reads any more; the front may not have said so yet."""
        if self.pipe.broken:
            self.disconnect()
        if self.gone:
            raise ClientDisconnected()

    def end(self, whole):
        """Ends the stream, and with it the request."""
        self.shut_pipe()
        if not self.gone:
            self.answer((self.ident, END, 1 if whole else 0, self.trailers or None, self.sent), self.sent)
            return
        self.state = DONE
        self.conn.queued.pop(self.ident, None)
        self.conn.post((self.ident, END, 0, None, self.sent))
        self.server.flush_soon(self.conn)

    def shut_pipe(self):
        if self.pipe is not None:
            self.pipe.close()

    # The rarer messages

    def inform(self, message):
        """An informational response, such as 103 Early Hints, unless the head of the final one is on its way."""
        if self.state not in (WAITING, BEGUN) or self.scope["http_version"] == "1.0":
            return
        if message["type"] == "http.response.early_hint":
            status, headers = 103, [(b"link", link) for link in message["links"]]
        else:
            status, headers = message.get("status", 103), message.get("headers", ())
        self.conn.post((self.ident, INTERIM, str(status), encode_headers(headers), None))
        self.conn.flush()

    def send_path(self, message):
        """A file by its path (the extension http.response.pathsend)."""
        if self.state != BEGUN:
            raise ASGIError("http.response.pathsend belongs right after http.response.start")
        fd = os.open(message["path"], os.O_RDONLY | os.O_CLOEXEC)
        found = os.fstat(fd)
        if not S_ISREG(found.st_mode):
            os.close(fd)
            raise ASGIError("http.response.pathsend of %r, which is no regular file" % message["path"])
        self.answer((self.ident, FILE, self.status, self.headers, (0, found.st_size), fd), found.st_size)

    async def trail(self, message):
        """Trailers; the last of them end the response."""
        if self.trailers is None:
            raise ASGIError("http.response.trailers was sent, but http.response.start did not announce any")
        self.trailers += encode_headers(message.get("headers", ()))
        if message.get("more_trailers", False):
            return
        self.release()
        await self.conclude()

    # The end

    def fail(self, error):
        """The application did not give a whole response: 500 when that is still possible."""
        server = self.server
        quiet = self.gone and isinstance(error, (OSError, server.cancelled))
        if not quiet and not server.signals.quitting:
            server.report(error, self.scope)
        self.stop_holding()
        if self.state in (WAITING, BEGUN, HELD):
            self.answer((self.ident, COMPLETE, "500", ERROR_HEADERS, ERROR_PAGE), len(ERROR_PAGE))
        elif self.state == STREAMING:
            self.end(False)

    def finish(self):
        """The application has returned, in whatever way."""
        self.ended = True
        if self.body is not None or self.source is not None:
            self.close_body()
        if self.state != DONE:          # a client that has gone
            self.end(False)
        self.server.ended(self)


def to_bytes(body):
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise ASGIError("the body is %s, not bytes: %.60r" % (type(body).__name__, body))
