"""Bodies of any size, made in each of the ways that an application has: /WAY/BYTES[?length]."""

import io
import os
import tempfile

import pattern


class Iterable:
    """An iterable that is no generator and has a close() that leaves a trace on wsgi.errors."""

    def __init__(self, environ, count):
        self.errors, self.count = environ["wsgi.errors"], count

    def __iter__(self):
        return pattern.pieces(self.count)

    def close(self):
        self.errors.write("closed an iterable of %d\n" % self.count)
        self.errors.flush()


def spooled(count):
    """Return an unlinked file with count bytes of the pattern, at its start."""
    f = tempfile.TemporaryFile()
    for piece in pattern.pieces(count, 1 << 20):
        f.write(piece)
    f.seek(0)
    return f


def body(way, count, environ, write):
    wrapper = environ["wsgi.file_wrapper"]
    if way == "list":
        return list(pattern.pieces(count))
    if way == "one":
        return [b"".join(pattern.pieces(count, 1 << 20))]
    if way == "generator":
        return pattern.pieces(count)
    if way == "small":
        return pattern.pieces(count, 1024)
    if way == "iterable":
        return Iterable(environ, count)
    if way == "file":
        return wrapper(spooled(count))
    if way == "rest-of-file":  # the wrapper starts where the file stands
        f = spooled(count + 1000)
        f.seek(1000)
        return wrapper(f, 8192)
    if way == "file-no-descriptor":
        return wrapper(io.BytesIO(b"".join(pattern.pieces(count, 1 << 20))))
    if way == "open-file":
        return spooled(count)
    if way == "write":
        for piece in pattern.pieces(count):
            write(piece)
        return []
    if way == "write-then-list":
        half = list(pattern.pieces(count))
        for piece in half[:len(half) // 2]:
            write(piece)
        return half[len(half) // 2:]
    if way == "pipe":  # has a descriptor, but is no regular file
        r, w = os.pipe()
        os.write(w, b"".join(pattern.pieces(count)))
        os.close(w)
        return wrapper(os.fdopen(r, "rb"))
    raise ValueError(way)


def app(environ, start_response):
    _, way, count = environ["PATH_INFO"].split("/")
    headers = [("Content-Type", "application/octet-stream")]
    if environ["QUERY_STRING"] == "length":
        headers.append(("Content-Length", count))
    write = start_response("200 OK", headers)
    return body(way, int(count), environ, write)
