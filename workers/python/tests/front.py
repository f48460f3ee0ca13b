"""A front for tests: speaks docs/protocol.md over real sockets to a real worker process."""

import array
import marshal
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
APPS = os.path.join(PACKAGE, "tests", "apps")

HELLO, REQUEST, RESPONSE, CANCEL, DRAIN, STATUS, MESSAGES = 1, 2, 3, 4, 5, 6, 7
COMPLETE, FILE, STREAM, END, RETURNED, INTERIM = 0, 1, 2, 3, 4, 5

PATIENCE = 180      # seconds that nothing here should ever take, on a machine that has much other work either

BOOT = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ['LISTEN_PID'] = str(os.getpid())
os.execv(sys.executable, [sys.executable] + sys.argv[2:])
"""


class Gone(Exception):
    """The worker closed the connection."""


def environ(method="GET", target="/", **extra):
    """A REQUEST's environ as a front fills it."""
    path, _, query = target.partition("?")
    result = {
        "REQUEST_METHOD": method, "RAW_URI": target, "PATH_INFO": path, "QUERY_STRING": query,
        "SCRIPT_NAME": "", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "kirin", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "40000",
        "HTTP_HOST": "127.0.0.1:8000", "HTTP_USER_AGENT": "test", "HTTP_ACCEPT": "*/*",
        "wsgi.url_scheme": "http",
    }
    result.update(extra)
    return result


def scope(method="GET", target="/", **extra):
    """A REQUEST's scope as a front fills it."""
    path, _, query = target.partition("?")
    headers = [(b"host", b"127.0.0.1:8000"), (b"user-agent", b"test"), (b"accept", b"*/*")]
    result = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 40000), "server": ("127.0.0.1", 8000),
    }
    result.update(extra)
    return result


class Response:
    """What came back for one request, put together."""

    def __init__(self, kind, status, headers, body):
        self.kind = kind
        self.status = status
        self.headers = headers
        self.body = body
        self.pipe = None        # of a stream
        self.whole = None       # END's verdict

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None


class Wire:
    """One connection to a worker."""

    def __init__(self, path, hello=True):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(path)
        self.data = b""
        self.fds = []
        self.ident = 0
        self.inbox = []         # (type, value) that nobody has asked for yet
        self.hello = self.expect(HELLO) if hello else None

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)

    def frame(self, kind, value, fds=()):
        payload = marshal.dumps(value, 2)
        return struct.pack("<IBBH", len(payload), kind, len(fds), 0) + payload

    def send(self, kind, value, fds=()):
        data = self.frame(kind, value, fds)
        if fds:
            rights = array.array("i", fds)
            sent = self.sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            data = data[sent:]
        self.sock.sendall(data)

    def read(self):
        """The next frame: (type, value), where responses have their descriptor as a sixth field."""
        while True:
            if len(self.data) >= 8:
                size, kind, count, zero = struct.unpack_from("<IBBH", self.data)
                assert zero == 0 and size <= 4 << 20, (size, zero)
                if len(self.data) >= 8 + size:
                    break
            self.fill()
        payload, self.data = self.data[8:8 + size], self.data[8 + size:]
        fds, self.fds = self.fds[:count], self.fds[count:]
        assert len(fds) == count
        value = marshal.loads(payload)
        if kind == RESPONSE:
            value = [tuple(item) + (fds.pop(0) if item[1] in (FILE, STREAM) else None,)
                     for item in value]
        assert not fds
        return kind, value

    def fill(self):
        data, ancillary, flags, _ = self.sock.recvmsg(1 << 20, socket.CMSG_SPACE(4 * 253))
        assert not flags & socket.MSG_CTRUNC
        for _, _, rights in ancillary:
            received = array.array("i")
            received.frombytes(rights)
            self.fds.extend(received)
        if not data:
            raise Gone()
        self.data += data

    def expect(self, kind, wanted=lambda value: True):
        """The value of the next frame of ``kind`` that is ``wanted``; others wait in the inbox."""
        for index, item in enumerate(self.inbox):
            if item[0] == kind and wanted(item[1]):
                return self.inbox.pop(index)[1]
        while True:
            found, value = self.read()
            if found == RESPONSE:
                self.inbox.extend((RESPONSE, item) for item in value)
            else:
                self.inbox.append((found, value))
            for index, item in enumerate(self.inbox):
                if item[0] == kind and wanted(item[1]):
                    return self.inbox.pop(index)[1]

    def quiet(self, seconds=0.1):
        """Whether nothing comes for so long."""
        return not self.inbox and not self.data and not select.select([self.sock], [], [], seconds)[0]

    def ended(self):
        """Waits for end of file; the frames before it stay in the inbox."""
        try:
            while True:
                found, value = self.read()
                values = value if found == RESPONSE else [value]
                self.inbox.extend((found, item) for item in values)
        except (Gone, ConnectionResetError):
            return True

    # Requests

    def request(self, target="/", method="GET", body=None, **extra):
        """Sends one request, gives its id."""
        return self.batch([(target, method, body, extra)])[0]

    def batch(self, requests):
        """Sends requests, (target, method, body, extra) or a target alone, in one frame; gives their ids."""
        items = []
        for item in requests:
            target, method, body, extra = (item, "GET", None, {}) if isinstance(item, str) else item
            self.ident += 1
            env = self.head(method, target, body, extra)
            items.append((self.ident, 0, env, body))
        self.send(REQUEST, items)
        return [item[0] for item in items]

    def head(self, method, target, body, extra):
        """The environ or the scope, whichever the worker wants."""
        if self.hello is not None and self.hello["interface"] == "asgi":
            result = scope(method, target, **extra)
            if body is not None:
                result["headers"] = result["headers"] + [(b"content-length", b"%d" % len(body))]
            return result
        result = environ(method, target, **extra)
        if body is not None:
            result["CONTENT_LENGTH"] = str(len(body))
        return result

    def spooled(self, target, body, method="POST"):
        """Sends a request whose body is in a file."""
        self.ident += 1
        with tempfile.TemporaryFile() as file:
            file.write(body)
            file.flush()
            file.seek(0)
            env = self.head(method, target, body, {})
            self.send(REQUEST, [(self.ident, 1, env, len(body))], [file.fileno()])
        return self.ident

    def answer(self, ident=None, read_stream=True):
        """The next response (which must be for ``ident``), with a file's or stream's body read."""
        item = self.expect(RESPONSE)
        found, kind, status, headers, body, fd = item
        assert ident is None or found == ident, "a response to %r, not to %r: %r" % (found, ident, item)
        response = Response(kind, status, list(headers or ()), body)
        response.ident = found
        if kind == FILE:
            offset, count = body
            response.body = os.pread(fd, count, offset) if count < 1 << 27 else None
            os.close(fd)
        elif kind == STREAM:
            response.pipe = socket.socket(fileno=fd)
            response.pipe.settimeout(PATIENCE)
            if read_stream:
                self.finish(response)
        return response

    def finish(self, response):
        """Reads a stream to its end and takes its END frame."""
        while True:
            data = response.pipe.recv(1 << 16)
            if not data:
                break
            response.body += data
        response.pipe.close()
        _, kind, status, _, size, _ = self.expect(RESPONSE, lambda item: item[0] == response.ident)
        assert kind == END, kind
        response.whole = bool(status)
        if response.whole:
            assert size == len(response.body), (size, len(response.body))

    def get(self, target="/", method="GET", body=None, **extra):
        """Request and response."""
        return self.answer(self.request(target, method, body, **extra))

    def drain(self):
        self.send(DRAIN, None)


class Worker:
    """A worker process with the socket that it listens on, its log, and its notify socket."""

    def __init__(self, application, *options, **settings):
        self.directory = tempfile.mkdtemp(prefix="kirin-test-")
        self.path = os.path.join(self.directory, "worker.sock")
        self.log_path = os.path.join(self.directory, "log")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen(16)
        env = dict(os.environ, PYTHONPATH=PACKAGE, LISTEN_FDS="1", LISTEN_FDNAMES="worker")
        env.pop("JOURNAL_STREAM", None)
        self.notify = self._notify_socket(env) if settings.pop("notify", True) else None
        env.update(settings.pop("env", {}))
        kept = settings.pop("keep_listener", False)
        command = settings.pop("command", None) or ["-m", "kirin_worker"]
        arguments = command + ["serve"] + list(options)
        if not any(option.startswith("--chdir") for option in options):
            arguments.append("--chdir=" + settings.pop("chdir", APPS))
        arguments.append(application)
        assert not settings, settings
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", BOOT, str(listener.fileno())] + arguments, env=env, stderr=log,
                stdin=subprocess.DEVNULL, pass_fds=[listener.fileno()])
        self.listener = listener        # systemd keeps it open, too, when asked to
        if not kept:
            listener.close()
        self.wires = []

    def _notify_socket(self, env):
        path = os.path.join(self.directory, "notify.sock")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(path)
        sock.settimeout(PATIENCE)
        env["NOTIFY_SOCKET"] = path
        return sock

    def connect(self, hello=True):
        wire = Wire(self.path, hello)
        self.wires.append(wire)
        return wire

    def notified(self, wanted):
        """Waits for the notification ``wanted``."""
        while True:
            if wanted in self.notify.recv(4096).decode().split("\n"):
                return

    def notified_so_far(self):
        """The notifications that are there."""
        found = []
        while select.select([self.notify], [], [], 0)[0]:
            found.append(self.notify.recv(4096).decode())
        return found

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def wait_log(self, text):
        """Waits until the log has ``text``, gives the whole of it."""
        end = time.monotonic() + PATIENCE
        while text not in self.log():
            assert time.monotonic() < end, "%r is not in the log:\n%s" % (text, self.log())
            time.sleep(0.01)
        return self.log()

    def descriptors(self):
        """How many the worker has open."""
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def wait_descriptors(self, number):
        """Waits until it has no more than so many: a worker may answer one front before it sees another's end."""
        end = time.monotonic() + PATIENCE
        while self.descriptors() > number:
            assert time.monotonic() < end, "%d descriptors are open, not %d" % (self.descriptors(), number)
            time.sleep(0.01)

    def kill(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        """The exit status."""
        return self.process.wait(PATIENCE)

    def close(self):
        for wire in self.wires:
            wire.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.notify is not None:
            self.notify.close()
        self.listener.close()
        for name in os.listdir(self.directory):
            os.unlink(os.path.join(self.directory, name))
        os.rmdir(self.directory)
