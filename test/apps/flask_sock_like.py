"""WebSockets in Flask as simple-websocket and Flask-Sock have them, of which Debian 12 has neither.

The class takes the socket out of the environ by the same names and in the same order, reads in a thread of its
own, and the decorator answers in the same ways when the function returns. Unlike theirs it has a lock, so that a
client's end that comes between two steps of send() is a ConnectionClosed, too.
"""

from threading import Event, RLock, Thread

from flask import Response, request
from wsproto import ConnectionType, WSConnection
from wsproto.events import (AcceptConnection, BytesMessage, CloseConnection, Ping, Request, TextMessage)


class ConnectionClosed(Exception):
    """``reason`` is the code of the Close frame, 1006 when there was none."""

    def __init__(self, reason):
        super().__init__("closed: %d" % reason)
        self.reason = reason


class Server:

    def __init__(self, environ, key=None):
        self.mode = "werkzeug" if "werkzeug.socket" in environ else "gunicorn"
        if key:
            self.mode = key
        self.sock = environ.get(self.mode + ".socket")
        if self.sock is None:
            raise RuntimeError("Cannot obtain socket from WSGI environment.")
        self.lock = RLock()         # the state of ws, code included, and the order of what is sent
        self.ws = WSConnection(ConnectionType.SERVER)
        self.messages = []
        self.event = Event()
        self.code = 0
        self.closing = False
        self.partial = []
        self.handshake(environ)
        self.thread = Thread(target=self.read, daemon=True)
        self.thread.start()

    def handshake(self, environ):
        head = "GET / HTTP/1.1\r\n"
        for key, value in environ.items():
            if key.startswith("HTTP_"):
                head += "%s: %s\r\n" % (key[5:].replace("_", "-").title(), value)
        self.ws.receive_data(head.encode("latin-1") + b"\r\n")
        self.handle()

    def handle(self):
        out, code = b"", 0
        for event in self.ws.events():
            if isinstance(event, Request):
                out += self.ws.send(AcceptConnection())
            elif isinstance(event, Ping):
                out += self.ws.send(event.response())
            elif isinstance(event, CloseConnection):
                if not self.closing:
                    out += self.ws.send(event.response())
                code = event.code
            elif isinstance(event, (TextMessage, BytesMessage)):
                self.take(event)
        if code:
            self.end(code)
        if out:
            self.write(out)

    def write(self, data):
        """Sends; a client that is gone has ended the connection."""
        try:
            self.sock.sendall(data)
        except OSError:
            self.end(1006)

    def take(self, event):
        self.partial.append(event.data)
        if event.message_finished:
            empty = "" if isinstance(event, TextMessage) else b""
            self.messages.append(empty.join(self.partial))
            self.partial = []
            self.event.set()

    def end(self, code):
        self.code = self.code or code
        self.event.set()

    def read(self):
        while not self.code:
            try:
                data = self.sock.recv(4096)
            except OSError:
                data = b""
            if not data:
                self.end(1006)
                return
            with self.lock:
                self.ws.receive_data(data)
                self.handle()

    def send(self, data):
        kind = TextMessage if isinstance(data, str) else BytesMessage
        with self.lock:
            if not self.code:
                self.write(self.ws.send(kind(data)))
            if self.code:
                raise ConnectionClosed(self.code)

    def receive(self):
        while not self.messages:
            if self.code:
                raise ConnectionClosed(self.code)
            self.event.wait()
            self.event.clear()
        return self.messages.pop(0)

    def close(self, code=1000):
        with self.lock:
            if not self.code:
                self.closing = True
                self.write(self.ws.send(CloseConnection(code)))
                self.end(code)


def route(app, rule, key=None):
    """The decorator: ``function(ws)`` serves the WebSocket."""
    def decorate(function):
        def view():
            ws = Server(request.environ, key)
            try:
                function(ws)
            except ConnectionClosed:
                pass
            ws.close()

            class Answer(Response):
                def __call__(self, *args, **kwargs):
                    if ws.mode == "gunicorn":
                        raise StopIteration()
                    return super().__call__(*args, **kwargs)
            return Answer()
        app.add_url_rule(rule, rule, view, websocket=True)
        return function
    return decorate
