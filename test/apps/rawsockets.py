"""What applications do with the socket of a client that asks for another protocol."""

import os

from flask import Flask, request

import flask_sock_like

app = Flask(__name__)


def note(*words):
    if "TRACE" in os.environ:
        with open(os.environ["TRACE"], "a") as trace:
            trace.write(" ".join(map(str, words)) + "\n")


def echo(ws):
    """Sends back what comes. "bye CODE" ends it, "many N" sends N messages."""
    note("open", os.getpid())
    try:
        while True:
            message = ws.receive()
            word, _, rest = message.partition(" ") if isinstance(message, str) else ("", "", "")
            if word == "bye":
                ws.close(int(rest))
                return
            if word == "many":
                for number in range(int(rest)):
                    ws.send("message %d " % number + "x" * (number % 3000))
                continue
            ws.send(message)
    except flask_sock_like.ConnectionClosed as error:
        note("closed", error.reason)


flask_sock_like.route(app, "/echo")(echo)
flask_sock_like.route(app, "/gunicorn/echo", "gunicorn")(echo)


@app.route("/broken", websocket=True)
def broken():
    flask_sock_like.Server(request.environ)
    raise RuntimeError("broken behind the handshake")


@app.route("/refused", websocket=True)
def refused():
    return "no sockets here", 403


@app.route("/seen")
def seen():
    """Looks at the environ, as a debugging page does."""
    return "%d bytes" % len(repr(sorted(request.environ.items())))


@app.route("/lines")
def lines():
    """A protocol of its own: a line comes back in capitals."""
    sock = request.environ["gunicorn.socket"]
    sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
    with sock.makefile("rb") as reader:
        for line in reader:
            sock.sendall(line.upper())
            if line == b"quit\n":
                break
    return ""


@app.route("/")
def index():
    return "%s\n" % request.environ["gunicorn.socket"]
