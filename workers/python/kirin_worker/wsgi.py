"""PEP 3333: one request through the application, and its response into the connection.

A Runner belongs to a thread and runs one Exchange at a time. What the application returns is sent as one
piece when its size is known beforehand, else as a stream whose blocks are never held back.
"""

import os
from _thread import get_ident
from io import BytesIO
from select import poll
from time import monotonic

import _socket

from . import bodies
from .errors import WSGIError
from .heads import GOOD, check_head
from .log import APP_ERROR, ErrorStream
from .wire import ACCEPT, COMPLETE, END, FILE, GLANCE, INLINE, INTERIM, RAW, STREAM

isascii = str.isascii
isprintable = str.isprintable

UNBEGUN, STREAMING, DONE = 0, 1, 2
LATE = 0.001    # seconds that a finished response may wait for company

ERROR_STATUS = "500 Internal Server Error"
ERROR_PAGE = (b"<!DOCTYPE html>\n<html><head><title>Internal Server Error</title></head>\n"
              b"<body><h1>Internal Server Error</h1></body></html>\n")
ERROR_HEADERS = [("Content-Type", "text/html"), ("Content-Length", str(len(ERROR_PAGE)))]


class ClientGone(Exception):
    """Nobody reads the stream any more."""


class OverTime(BaseException):
    """A request took longer than a client is to wait."""


class Quit(BaseException):
    """A signal asked the process to end at once."""


def environment(options, errors):
    """The entries of PEP 3333 and Gunicorn that are the same for each request of a thread."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.errors": errors,
        "wsgi.multithread": options.kind != "sync",
        "wsgi.multiprocess": options.workers > 1,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": bodies.FileWrapper,
        "wsgi.input_terminated": True,
        "gunicorn.socket": None,
    }


def socketpair():
    near, far = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    near.setblocking(True)      # whatever the application has made the default
    return near, far


def request_line(environ):
    """Method and target, for the log."""
    line = "%s %s" % (environ.get("REQUEST_METHOD"), environ.get("RAW_URI"))
    return line if line.isprintable() else ascii(line)


class Runner:
    """Runs requests through the application, one at a time."""

    def __init__(self, app, options, log):
        self.app = app
        self.log = log
        self.errors = ErrorStream(log)
        self.base = environment(options, self.errors)
        self.clock = 0.0        # when the application began to work; 0 while it does not
        self.conn = None        # these four: what it works on
        self.exchange = None
        self.ident = 0
        self.environ = None
        self.socketpair = socketpair    # makes the socket of a stream
        self.done = 0           # requests that its thread has dealt with
        self.thread = 0         # for the journal: where it works
        self.note = log.native and log.native.note      # tells the journal what it works on
        self.access = options.access    # logs what is over
        self.after = options.after      # a hook for that
        self.judge = options.judge      # says of what is about to be over whether it is logged
        self.began = 0.0                # for that: when the request has
        self.listen = None              # reads what a connection has, where nobody else does meanwhile

    def run(self, conn, request, now):
        """Runs one request, begun at ``now``, to its end. Responses are posted; some are sent already."""
        ident, kind, environ, body = request
        self.exchange = exchange = Exchange(self, conn, ident)
        environ.update(self.base)
        if kind == RAW:
            source = exchange.offer(body[1], environ)
        else:
            source = BytesIO(body) if kind == 0 else open(body[1], "rb")
        environ["wsgi.input"] = source
        environ["wsgi.early_hints"] = exchange.early_hints
        self.conn = conn
        self.ident = ident
        self.environ = environ
        self.clock = self.began = now
        if self.note is not None:
            self.thread = get_ident()
            self.note(environ)
        blocks = failure = None
        try:
            blocks = self.app(environ, exchange.start_response)
            exchange.respond(blocks)
        except ClientGone:
            pass
        except Quit:
            raise
        except BaseException as error:
            if conn.orphan is None:
                exchange.fail(error)
            else:
                failure = error
        if blocks is not None and type(blocks) is not list:
            exchange.close(blocks)
        if conn.orphan is not None:
            conn.orphan(failure)
            return
        exchange.finish()
        if self.access is not None:
            self.access(environ, exchange.status, exchange.headers if exchange.status else [], exchange.sent, now)
        if self.after is not None:
            conn.flush()                # the client need not wait for it
            self.after(environ, exchange.status, exchange.headers if exchange.status else [], exchange.sent)
        self.clock = 0.0
        self.environ = None
        if kind:
            source.close()
        if self.errors.pending:
            self.errors.flush()
        if self.note is not None:
            self.note(None)

    def report(self, error, what):
        """Logs ``error`` with its traceback and the request that met it."""
        self.log.exception("%s: %s" % (what, request_line(self.environ)), error, APP_ERROR)


class Exchange:
    """One request and its response."""

    # As long as they are not set, so that a request does not have to.
    status = None       # until start_response
    headers = None
    length = -1         # Content-Length, -1 for none
    sent = 0            # bytes of the body in frames and in the stream
    state = UNBEGUN
    pipe = None         # our end of the stream
    failed = False
    cancelled = False   # the front has given the request up: its client has gone
    heed_at = 0.0       # when an empty block is next a reason to look whether it has
    upgrade = None      # the client's bytes, where they can be had

    def __init__(self, runner, conn, ident):
        self.runner = runner
        self.conn = conn
        self.ident = ident

    # An upgrade

    def offer(self, fd, environ):
        """Lets the application have the client's bytes; gives an empty body."""
        from .upgrade import offer
        self.upgrade = offer(fd, environ, self.accept)
        return BytesIO()

    def accept(self):
        """The application speaks with the client by itself. Any thread may."""
        if self.state != UNBEGUN:
            raise OSError("the response has begun: the socket can no longer be had")
        self.state = DONE
        self.runner.clock = 0.0
        self.conn.post((self.ident, ACCEPT, None, [], None))
        self.conn.flush()

    def hang_up(self):
        """The application has returned."""
        upgrade, self.upgrade = self.upgrade, None
        if upgrade.end():
            self.conn.post((self.ident, END, 1, None, 0))

    def judge(self):
        """What comes next ends the request: whether the access log has it."""
        runner = self.runner
        if runner.judge is not None:
            runner.judge(self.conn, self.ident, runner.environ, self.status, self.headers, self.sent, runner.began)

    # What the application calls

    def start_response(self, status, headers, exc_info=None):
        if exc_info is not None:
            try:
                if self.state != UNBEGUN:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.status is not None:
            raise WSGIError("start_response was called again without exc_info")
        length = -1
        pairs = []
        try:
            good = status in GOOD
            headers = list(headers)
            for name, value in headers:
                pairs.append((name, value))
                if name not in GOOD or not isascii(value) or not isprintable(value):
                    good = False
                elif len(name) == 14 and name.lower() == "content-length":
                    good = good and value.isdigit()
                    length = int(value)
        except (TypeError, ValueError):
            good = False
        if not good:
            pairs, length = check_head(status, headers)
        self.headers = pairs
        self.length = length
        self.status = status
        return self.write

    def write(self, data):
        """PEP 3333's write(): the block is on its way when it returns."""
        if type(data) is not bytes:
            data = bodies.to_bytes(data)
        self.emit(data)
        self.conn.flush()

    def early_hints(self, headers):
        """Sends 103 Early Hints, unless the response has begun."""
        if self.state != UNBEGUN or self.runner.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
            return
        headers, _ = check_head("103 Early Hints", headers)
        self.conn.post((self.ident, INTERIM, "103 Early Hints", headers, None))
        self.conn.flush()

    # What it returned

    def respond(self, blocks):
        """Sends what the application returned."""
        if self.state == UNBEGUN and self.status is not None:
            if type(blocks) is list and len(blocks) == 1:
                body = blocks[0]
                if type(body) is bytes and (self.length < 0 or len(body) <= self.length):
                    self.complete(body)     # what most applications return
                    return
            if type(blocks) is list or type(blocks) is tuple:
                self.whole(blocks)
                return
            if isinstance(blocks, bodies.FileWrapper) and self.file(blocks):
                return
        self.iterate(blocks)

    def whole(self, blocks):
        """A body that is there completely."""
        body = b"".join(map(bodies.to_bytes, blocks))
        if 0 <= self.length < len(body):
            body = body[:self.length]
        self.complete(body)

    def complete(self, body):
        """The whole response at once."""
        size = len(body)
        if size <= INLINE:
            self.state = DONE
            self.sent = size
            if self.runner.judge is not None:
                self.judge()
            self.conn.post((self.ident, COMPLETE, self.status, self.headers, body), size)
            return
        fd = bodies.spool(body)
        if fd >= 0:
            self.send_file(fd, 0, size)
        else:
            self.stream(body)

    def file(self, wrapper):
        """A regular file, by its descriptor. False when it is something else."""
        found = bodies.regular(wrapper.filelike)
        if found is None:
            return False
        fd, offset, count = found
        if 0 <= self.length < count:
            count = self.length
        if count:
            self.send_file(os.dup(fd), offset, count)
        else:
            self.complete(b"")
        return True

    def send_file(self, fd, offset, count):
        self.state = DONE
        self.sent = count
        self.judge()
        self.conn.post((self.ident, FILE, self.status, self.headers, (offset, count), fd))
        self.conn.flush()

    def iterate(self, blocks):
        """Blocks that come one by one: each is on its way before the next is asked for."""
        alone = bodies.is_single(blocks)
        for block in blocks:
            if type(block) is not bytes:
                block = bodies.to_bytes(block)
            if not block:
                self.heed()
                continue
            if self.state == DONE or 0 <= self.length <= self.sent:
                break               # more than Content-Length, which may be sent already
            if alone and self.state == UNBEGUN and self.status is not None and self.length < 0:
                self.complete(block)
            else:
                self.emit(block)
            self.conn.flush()
        if self.state == UNBEGUN:
            self.need_status()
            self.complete(b"")

    def heed(self):
        """An empty block, by which an application says that it has nothing yet: it need not go on for a client that has
        gone. Nothing is sent to see that, not even the head (PEP 3333).
        """
        now = monotonic()
        if now < self.heed_at:
            return
        self.heed_at = now + GLANCE
        if self.state == STREAMING:
            poller = poll()
            poller.register(self.pipe.fileno(), 0)
            gone = bool(poller.poll(0))
        else:
            if self.runner.listen is not None:
                self.runner.listen(self.conn)
            gone = self.cancelled or self.conn.gone
        if gone:
            self.failed = True
            if self.state == UNBEGUN:
                self.answer_error()
            raise ClientGone()

    def emit(self, block):
        """One block of a body that may go on."""
        self.need_status()
        if self.state == DONE:
            return
        if 0 <= self.length <= self.sent + len(block):
            block = block[:self.length - self.sent]
            if self.state == UNBEGUN:
                self.complete(block)
                return
        if self.state == UNBEGUN:
            self.stream(block)
        else:
            self.push(block)

    def need_status(self):
        if self.status is None:
            raise WSGIError("the application sent a body before it called start_response")

    # The stream

    def stream(self, block):
        """Begins a stream with its first block."""
        near, far = self.runner.socketpair()
        self.pipe = near
        self.state = STREAMING
        first = block if len(block) <= INLINE else b""
        self.sent = len(first)
        self.conn.post((self.ident, STREAM, self.status, self.headers, first, far.detach()))
        self.conn.flush()
        self.runner.clock = monotonic()
        if not first:
            self.push(block)

    def push(self, block):
        """Writes to the stream; the request's clock stands still meanwhile, and begins anew afterwards."""
        runner = self.runner
        runner.clock = 0.0
        try:
            self.pipe.sendall(block)
        except OSError:
            self.failed = True
            raise ClientGone()
        finally:
            runner.clock = monotonic()
        self.sent += len(block)

    # The end

    def fail(self, error):
        """The application raised: 500 when that is still possible."""
        self.failed = True
        if self.upgrade is not None and isinstance(error, StopIteration):
            return                  # with which Flask-Sock says that it has answered
        self.runner.report(error, "error in the application")
        if self.state == UNBEGUN:
            self.answer_error()

    def answer_error(self):
        self.state = DONE
        self.status, self.headers = ERROR_STATUS, ERROR_HEADERS
        self.judge()
        self.conn.post((self.ident, COMPLETE, ERROR_STATUS, ERROR_HEADERS, ERROR_PAGE), len(ERROR_PAGE))

    def close(self, blocks):
        """Calls close() of what the application returned, after what was posted is sent."""
        close = getattr(blocks, "close", None)
        if close is None:
            return
        self.conn.flush()
        try:
            close()
        except Quit:
            raise
        except BaseException as error:      # the body is whole, or known not to be
            self.runner.report(error, "error in close() of the response")

    def finish(self):
        """Ends a stream, or an upgrade."""
        if self.upgrade is not None:
            self.hang_up()
        if self.state != STREAMING:
            return
        self.state = DONE
        if self.sent < self.length and not self.failed:
            self.failed = True
            self.runner.log.error("the response has %d bytes, not the %d of its Content-Length: %s"
                                  % (self.sent, self.length, request_line(self.runner.environ)))
        try:
            self.pipe.shutdown(_socket.SHUT_RDWR)   # a forked child may hold the socket too
        except OSError:
            pass
        self.pipe.close()
        self.judge()
        self.conn.post((self.ident, END, 0 if self.failed else 1, None, self.sent))
