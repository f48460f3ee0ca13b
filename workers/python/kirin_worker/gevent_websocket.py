"""What gevent-websocket's class for Gunicorn does: a WebSocket is opened before the application is called.

The application finds it as ``wsgi.websocket``. The handshake and the frames are the package's own.
"""

from .errors import WorkerError

MISSING = ("the worker class gevent-websocket wants gevent-websocket, which cannot be imported: %s; install it where "
           "the application lives (python3-gevent-websocket in Debian, gevent-websocket by pip)")


def wrap(app):
    """``app`` as a handler of the package calls it."""
    try:
        from geventwebsocket.handler import WebSocketHandler
    except ImportError as error:
        raise WorkerError(MISSING % error)

    class Handler(WebSocketHandler):
        """One request. Of what it inherits, the handshake is used, and how the application is run."""

        def __init__(self, server, environ, sock):
            self.server = server
            self.application = app
            self.environ = environ
            self.socket = sock
            self.rfile = Reader(sock)
            self.client_address = (environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT"))
            self.request_version = environ["SERVER_PROTOCOL"]
            self.status = None
            self.headers = []

        def start_response(self, status, headers, exc_info=None):
            self.status, self.headers = status, headers

    server = Server()

    def websocket_app(environ, start_response):
        sock = environ["gunicorn.socket"]
        if sock is None:
            return app(environ, start_response)
        handler = Handler(server, environ, sock)
        refusal = handler.upgrade_websocket()
        if hasattr(handler, "websocket"):
            sock.sendall(head(handler))
            handler.run_websocket()
            return []
        if handler.status:
            start_response(handler.status.replace("402", "400"), handler.headers)
            return [line.encode() for line in refusal]
        return app(environ, start_response)

    return websocket_app


def head(handler):
    """The response that opens the WebSocket."""
    lines = ["HTTP/1.1 " + handler.status] + ["%s: %s" % pair for pair in handler.headers]
    return "\r\n".join(lines + ["", ""]).encode("latin-1")


class Server:
    """What a handler looks for of its server."""

    def __init__(self):
        self.clients = {}       # by address


class Reader:
    """The socket's bytes, as many as asked for; the socket is not touched before that."""

    def __init__(self, sock):
        self.sock = sock
        self.file = None

    def read(self, size):
        if self.file is None:
            self.file = self.sock.makefile("rb")
        return self.file.read(size)
