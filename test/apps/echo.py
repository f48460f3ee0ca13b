"""Gives back what was sent: as it is, or its length and digest, read in the way that the path names."""

import hashlib
import json


def reader(name, stream):
    """Yield the body by one of the ways a file is read."""
    if name == "all":
        yield stream.read()
    elif name == "negative":
        yield stream.read(-1)
    elif name == "readline":
        yield from iter(stream.readline, b"")
    elif name == "readline-bounded":
        yield from iter(lambda: stream.readline(1000), b"")
    elif name == "readlines":
        yield from stream.readlines()
    elif name == "iteration":
        yield from stream
    elif name == "bytes":
        yield from iter(lambda: stream.read(1), b"")
    else:
        yield from iter(lambda: stream.read(65536), b"")


def digest(way, environ, start_response):
    seen, length = hashlib.sha256(), 0
    for piece in reader(way, environ["wsgi.input"]):
        seen.update(piece)
        length += len(piece)
    answer = {"length": length, "sha256": seen.hexdigest(), "CONTENT_LENGTH": environ.get("CONTENT_LENGTH"),
              "terminated": environ.get("wsgi.input_terminated"), "after": len(environ["wsgi.input"].read())}
    body = json.dumps(answer).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def ignore(environ, start_response):
    """Answer without a look at the body."""
    start_response("200 OK", [("Content-Length", "8")])
    return [b"ignored\n"]


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/digest"):
        return digest(path[len("/digest/"):], environ, start_response)
    if path == "/ignore":
        return ignore(environ, start_response)
    headers = [("Content-Type", "application/octet-stream")]
    if path != "/chunked":
        headers.append(("Content-Length", environ.get("CONTENT_LENGTH") or "0"))
    start_response("200 OK", headers)
    return reader("pieces", environ["wsgi.input"])
