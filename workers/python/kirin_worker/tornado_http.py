"""One request through a tornado.web.Application, by the interface that Tornado has for servers (tornado.httputil).

The handler writes into a Connection; what it has written by the time the request's task runs is sent as one.
"""

import os
import socket

from tornado.httputil import HTTPConnection, HTTPHeaders, RequestStartLine
from tornado.iostream import IOStream, StreamClosedError

from .asgi_errors import ClientDisconnected
from .asgi_http import BEGUN, DONE, WAITING, Exchange
from .errors import WSGIError
from .heads import check_head
from .wire import ACCEPT, END, RAW, WHOLE

SWITCHED = 9        # a state beside those of Exchange: the handler has the client's bytes


class Context:
    """Where a request came from, as tornado.httputil.HTTPServerRequest looks for it."""

    def __init__(self, scope):
        client = scope.get("client")
        self.address = tuple(client) if client else ""
        self.address_family = socket.AF_INET if client else socket.AF_UNIX
        self.remote_ip = client[0] if client else "0.0.0.0"
        self.protocol = scope["scheme"]


class Connection(HTTPConnection):
    """What the handler writes to."""

    def __init__(self, exchange):
        self.exchange = exchange
        self.context = Context(exchange.scope)
        self.no_keep_alive = False
        self.stream = None
        self.head = None            # (status, headers), until it is sent
        self.chunks = []
        self.futures = []           # of those that wait for what is written
        self.finished = False
        self.gone = False
        self.switch = None          # the head of a response that ends HTTP on this connection
        self.close_callback = None
        self.mistake = None

    # What Tornado calls

    def write_headers(self, start_line, headers, chunk=None):
        status = "%d %s" % (start_line.code, start_line.reason or "")
        pairs, _ = check_head(status, list(headers.get_all()))
        if start_line.code == 101:
            lines = ["HTTP/1.1 " + status] + ["%s: %s" % pair for pair in pairs]
            self.switch = "\r\n".join(lines + ["", ""]).encode("latin-1")
            return self.future()
        self.head = (status, pairs)
        return self.write(chunk)

    def write(self, chunk):
        if chunk:
            self.chunks.append(bytes(chunk))
        return self.future()

    def finish(self):
        self.finished = True
        self.exchange.wake()

    def set_close_callback(self, callback):
        self.close_callback = callback

    def set_body_timeout(self, timeout):
        """The front has taken the body in, or sees to it that it comes."""

    def set_max_body_size(self, size):
        """Likewise."""

    def close(self):
        """Cuts the response off."""
        self.exchange.disconnect()

    def detach(self):
        """The client's bytes, as a stream of Tornado's."""
        try:
            self.stream = self.exchange.switch(self.switch)
        except RuntimeError as error:
            self.mistake = error        # Tornado answers nothing any more
            self.finish()
            raise
        return self.stream

    # What the exchange calls

    def future(self):
        future = self.exchange.server.loop.create_future()
        if self.gone:
            fail(future)
        elif self.switch is not None:
            future.set_result(None)
        else:
            self.futures.append(future)
            self.exchange.wake()
        return future

    def take(self):
        """(head, body, whether it is the last, futures) of what was written."""
        written = self.head, b"".join(self.chunks), self.finished, self.futures
        self.head, self.chunks, self.futures = None, [], []
        return written

    def lose(self):
        """The client is gone."""
        self.gone = True
        for future in self.futures:
            fail(future)
        self.futures = []
        callback, self.close_callback = self.close_callback, None
        if callback is not None:
            callback()


def fail(future):
    if not future.done():
        future.set_exception(StreamClosedError())
        future.exception()      # nobody need look at it


class Detached(IOStream):
    """A stream that says when it is closed."""

    def __init__(self, sock, closed):
        IOStream.__init__(self, sock)
        self.say_closed = closed

    def close_fd(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)      # a forked child may hold it too
        except OSError:
            pass
        IOStream.close_fd(self)
        self.say_closed()


class TornadoExchange(Exchange):
    """One request and its response. All of it is the loop's thread's."""

    __slots__ = ("raw", "connection", "delegate", "waiter", "feeding", "pumping")

    def __init__(self, server, conn, request):
        Exchange.__init__(self, server, conn, request)
        self.raw = -1               # the client's bytes, if there is a descriptor of them
        self.waiter = None          # a Future, while the task waits for the handler
        self.feeding = False        # the body is coming
        self.pumping = None         # a task that sends meanwhile
        if self.kind == RAW:
            self.raw = self.body[1]
            self.kind, self.body = WHOLE, None
        self.connection = Connection(self)

    async def run(self):
        """Calls the application, and sees that there is a response."""
        try:
            await self.converse()
        except BaseException as error:
            if not self.server.falls(self, error):
                self.fail(error)
            if type(error) in (SystemExit, KeyboardInterrupt):
                raise
        finally:
            self.leave()

    async def converse(self):
        server = self.server
        scope = server.complete(self.scope)
        self.delegate = server.app.start_request(server, self.connection)
        await self.feed(scope)
        if self.pumping is not None:
            await self.pumping
        await self.pump()
        if self.state == SWITCHED:
            await self.until(lambda: self.connection.stream.closed() or self.gone)
            self.answer((self.ident, END, 1, None, 0))

    async def feed(self, scope):
        """Gives the request to the application, its body part by part."""
        delegate = self.delegate
        self.feeding = True
        await settled(delegate.headers_received(start_line(scope), headers(scope)))
        more = self.kind != WHOLE or self.body is not None
        while more and not self.gone and not self.connection.finished:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return
            if message["body"]:
                await settled(delegate.data_received(message["body"]))
            more = message["more_body"]
        self.feeding = False
        if not self.gone and not self.connection.finished:
            delegate.finish()

    async def pump(self):
        """Sends what the handler writes, until it has finished."""
        connection = self.connection
        while not self.gone and self.state not in (DONE, SWITCHED):
            if not connection.futures and not connection.finished:
                await self.until(lambda: connection.futures or connection.finished or self.state == SWITCHED)
                continue
            if connection.mistake is not None:
                raise connection.mistake
            await self.deliver(*connection.take())

    async def deliver(self, head, body, last, futures):
        if head is not None:
            if self.state != WAITING:
                raise WSGIError("the head of the response was written twice")
            self.status, self.headers = head
            self.state = BEGUN
        try:
            await self.part({"body": body, "more_body": not last})
        except ClientDisconnected:
            self.disconnect()
        for future in futures:
            if self.gone:
                fail(future)
            elif not future.done():
                future.set_result(None)

    async def until(self, condition):
        """Waits until ``condition()`` holds; it is looked at whenever somebody calls wake()."""
        while not condition() and not self.gone:
            self.waiter = self.server.loop.create_future()
            await self.waiter

    def wake(self):
        """Something was written, or has ended."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        elif self.feeding and self.pumping is None:
            self.pumping = self.server.loop.create_task(self.pump())

    def switch(self, head):
        """Gives the handler the client's bytes; ``head`` is the first thing to be sent."""
        if self.raw < 0 or self.state != WAITING:
            raise RuntimeError("the connection cannot be detached: the client has not asked for another protocol")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=self.raw)
        self.raw = -1
        self.state = SWITCHED
        self.conn.post((self.ident, ACCEPT, None, [], None))
        self.conn.flush()
        stream = Detached(sock, self.wake)
        if head is not None:
            stream.write(head)
        self.server.loop.call_soon(self.wake)
        return stream

    def disconnect(self):
        """The client is gone: the handler may notice."""
        if self.gone or self.state == DONE:
            return
        reading = self.feeding
        Exchange.disconnect(self)
        self.wake()
        if self.connection.stream is not None:
            self.connection.stream.close()
        self.connection.lose()
        if reading:
            self.delegate.on_connection_close()

    def leave(self):
        """The request is over, in whatever way."""
        if self.raw >= 0:
            os.close(self.raw)
            self.raw = -1
        if self.pumping is not None and not self.pumping.done():
            self.pumping.cancel()
        self.finish()


async def settled(result):
    """Waits for what a delegate returned, when it is something to wait for."""
    if result is not None:
        await result


def start_line(scope):
    target = scope["raw_path"].decode("latin-1")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    return RequestStartLine(scope["method"], target, "HTTP/" + scope["http_version"])


def headers(scope):
    found = HTTPHeaders()
    for name, value in scope["headers"]:
        found.add(name.decode("latin-1"), value.decode("latin-1"))
    return found
