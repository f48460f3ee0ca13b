"""One misbehaviour or corner of PEP 3333 a path; app() looks the function up by name."""

import io
import os
import sys
import tempfile
import time

import gate

HERE = os.path.dirname(os.path.abspath(__file__))
LOG = []        # what happened, for /log
TEXT = [("Content-Type", "text/plain")]


class Blocks:
    """An iterable that records what is done to it."""

    def __init__(self, *blocks):
        self.blocks = blocks

    def __iter__(self):
        for block in self.blocks:
            LOG.append("next")
            if isinstance(block, BaseException):
                raise block
            yield block

    def close(self):
        LOG.append("close")


class Sized(Blocks):
    def __len__(self):
        return len(self.blocks)


class Sequence:
    """Only __getitem__, the old iteration protocol."""

    def __getitem__(self, index):
        return [b"old ", b"fashioned"][index]


class Str(str):
    """A str that is not quite one."""


class Bytes(bytes):
    pass


def log(environ, start_response):
    """What was recorded since the last time."""
    start_response("200 OK", TEXT)
    body = " ".join(LOG).encode()
    del LOG[:]
    return [body]


def empty(environ, start_response):
    start_response("204 No Content", [])
    return []


def tuple_(environ, start_response):
    start_response("200 OK", TEXT)
    return (b"one ", b"two")


def string(environ, start_response):
    """bytes is an iterable too, of ints: an error in Python 3."""
    start_response("200 OK", TEXT)
    return b"abc"


def text(environ, start_response):
    start_response("200 OK", TEXT)
    return ["text"]


def none(environ, start_response):
    start_response("200 OK", TEXT)
    return None


def sequence(environ, start_response):
    start_response("200 OK", TEXT)
    return Sequence()


def sized(environ, start_response):
    start_response("200 OK", TEXT)
    return Sized(b"alone")


def closing(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "6")])
    return Blocks(b"", b"closed")


def several(environ, start_response):
    start_response("200 OK", TEXT)
    return Blocks(b"one ", b"", b"two ", b"three")


def late_start(environ, start_response):
    """start_response is called when the first block is asked for."""
    start_response("200 OK", TEXT)
    yield b"late"


def no_start(environ, start_response):
    return [b"no start_response"]


def no_start_stream(environ, start_response):
    return Blocks(b"no start_response")


def no_start_empty(environ, start_response):
    return Blocks()


def write(environ, start_response):
    send = start_response("200 OK", TEXT)
    send(b"written, ")
    send(b"")
    return [b"returned"]


def write_all(environ, start_response):
    send = start_response("200 OK", TEXT + [("Content-Length", "4")])
    send(b"fourteen")
    return []


def write_text(environ, start_response):
    start_response("200 OK", TEXT)("text")
    return []


def twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("201 Created", TEXT)
    return [b"never"]


def replaced(environ, start_response):
    """An error before anything was sent: the head is replaced."""
    start_response("200 OK", TEXT)
    try:
        raise ValueError("caught")
    except ValueError:
        start_response("418 Teapot", [("X-Replaced", "yes")], sys.exc_info())
    return [b"teapot"]


def too_late(environ, start_response):
    """An error after the first block: start_response raises it again."""
    def blocks():
        start_response("200 OK", TEXT)
        yield b"begun"
        try:
            raise ValueError("after the fact")
        except ValueError:
            start_response("500 Oops", TEXT, sys.exc_info())
        yield b"never"
    return blocks()


def raises(environ, start_response):
    start_response("200 OK", TEXT)
    raise RuntimeError("told you so")


def exits(environ, start_response):
    sys.exit("leaving")


def interrupts(environ, start_response):
    raise KeyboardInterrupt()


def raises_first(environ, start_response):
    start_response("200 OK", TEXT)
    return Blocks(RuntimeError("first"))


def raises_second(environ, start_response):
    start_response("200 OK", TEXT)
    return Blocks(b"begun", RuntimeError("second"))


def close_raises(environ, start_response):
    class Bad(Blocks):
        def close(self):
            raise RuntimeError("in close")
    start_response("200 OK", TEXT + [("Content-Length", "4")])
    return Bad(b"body")


def too_long(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "5")])
    return [b"12345678"]


def too_long_stream(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "5")])
    return Blocks(b"123", b"4567", b"never", b"asked for")


def too_short_stream(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "50")])
    return Blocks(b"123", b"45")


def after_work(environ, start_response):
    """Code behind the last yield runs although Content-Length is reached."""
    start_response("200 OK", TEXT + [("Content-Length", "4")])
    yield b"body"
    LOG.append("worked")


def subclasses(environ, start_response):
    start_response(Str("200 OK"), [(Str("X-Sub"), Str("class"))])
    return [Bytes(b"sub"), Bytes(b"class")]


def latin(environ, start_response):
    start_response("200 OK", [("X-Latin", "caf\xe9")])
    return [b""]


def shared_headers(environ, start_response, headers=[]):
    """One list for all responses, changed by each."""
    headers.append(("X-Count", str(len(headers))))
    start_response("200 OK", headers)
    return [b""]


def list_headers(environ, start_response):
    start_response("200 OK", [["X-List", "yes"]])
    return [b""]


BAD = {
    "status-int": (200, TEXT), "status-bytes": (b"200 OK", TEXT), "status-word": ("OK", TEXT),
    "status-newline": ("200 OK\r\nX: y", TEXT), "header-bytes": ("200 OK", [(b"X", b"y")]),
    "header-int": ("200 OK", [("X", 1)]), "header-newline": ("200 OK", [("X", "a\r\nY: b")]),
    "header-nul": ("200 OK", [("X", "a\0")]), "header-euro": ("200 OK", [("X", "\u20ac")]),
    "header-surrogate": ("200 OK", [("X", "\udc80")]), "header-triple": ("200 OK", [("X", "y", "z")]),
    "header-none": ("200 OK", None), "length-word": ("200 OK", [("Content-Length", "ten")]),
    "length-minus": ("200 OK", [("Content-Length", "-1")]), "name-newline": ("200 OK", [("X\n", "y")]),
}


def bad(environ, start_response):
    start_response(*BAD[environ["QUERY_STRING"]])
    return [b"never"]


def large(environ, start_response):
    """SIZE bytes in one block; with /large?SIZE,n in n blocks."""
    size, _, count = environ["QUERY_STRING"].partition(",")
    count = int(count or 1)
    start_response("200 OK", TEXT)
    return [b"x" * (int(size) // count)] * count


def large_generator(environ, start_response):
    size = int(environ["QUERY_STRING"])
    start_response("200 OK", TEXT + [("Content-Length", str(size))])
    yield b"x" * size


def stream(environ, start_response):
    """/stream?COUNT,SIZE blocks; its close is recorded."""
    count, size = map(int, environ["QUERY_STRING"].split(","))
    start_response("200 OK", TEXT)

    def blocks():
        try:
            for number in range(count):
                yield b"%d" % (number % 10) * size
        finally:
            LOG.append("closed after %s" % ("all" if number == count - 1 else "some"))
    return blocks()


def step(environ, start_response):
    """Blocks that each wait for a byte in the FIFO that the query names."""
    start_response("200 OK", TEXT)
    with open(environ["QUERY_STRING"], "rb", 0) as fifo:
        for number in range(3):
            yield b"block %d" % number
            fifo.read(1)


class Waiting(Blocks):
    """Its close() waits for a byte in a FIFO."""

    def __init__(self, fifo):
        self.fifo = fifo
        Blocks.__init__(self, b"body")

    def close(self):
        with open(self.fifo, "rb", 0) as fifo:
            fifo.read(1)


def wait_after(environ, start_response):
    """The response is complete, but the generator is not at its end."""
    start_response("200 OK", TEXT + [("Content-Length", "4")])
    yield b"body"
    Waiting(environ["QUERY_STRING"]).close()


def wait_in_close(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "4")])
    return Waiting(environ["QUERY_STRING"])


def file(environ, start_response):
    """/file?PATH,OFFSET,LENGTH through wsgi.file_wrapper."""
    path, offset, length = environ["QUERY_STRING"].split(",")
    body = open(path, "rb")
    body.seek(int(offset))
    start_response("200 OK", TEXT + ([("Content-Length", length)] if length else []))
    return environ["wsgi.file_wrapper"](body, 4096)


def wrapped(environ, start_response):
    """Things that have a file descriptor which is not their content, or none."""
    import gzip
    kind = environ["QUERY_STRING"]
    if kind == "bytesio":
        body = io.BytesIO(b"in memory")
    elif kind == "temporary":
        body = tempfile.NamedTemporaryFile()
        body.write(b"temporary")
        body.seek(0)
    elif kind == "random":
        body = tempfile.TemporaryFile()     # a BufferedRandom with a write that is not flushed
        body.write(b"skip random access")
        body.seek(5)
    elif kind == "gzip":
        raw = io.BytesIO()
        with gzip.GzipFile(fileobj=raw, mode="wb") as packed:
            packed.write(b"unpacked")
        plain = tempfile.TemporaryFile()
        plain.write(raw.getvalue())
        plain.seek(0)
        body = gzip.GzipFile(fileobj=plain)
    elif kind == "pipe":
        read, write = os.pipe()
        os.write(write, b"from a pipe")
        os.close(write)
        body = open(read, "rb")
    elif kind == "proc":
        body = open("/proc/self/stat", "rb")
    elif kind == "closed":
        body = open(__file__, "rb")
        start_response("200 OK", TEXT)
        wrapper = environ["wsgi.file_wrapper"](body)
        body.close()
        return wrapper
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](body)


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body))), ("X-Length", environ["CONTENT_LENGTH"])])
    return [body]


def lines(environ, start_response):
    """Every way to read."""
    source = environ["wsgi.input"]
    result = [source.read(2), source.readline(), source.readline(2), source.readline(), source.read(0)]
    result += [next(iter(source))] + source.readlines() + [source.read(), source.readline()]
    start_response("200 OK", TEXT)
    return [repr(result).encode()]


def digest(environ, start_response):
    import hashlib
    total = hashlib.sha256()
    for block in iter(lambda: environ["wsgi.input"].read(1 << 16), b""):
        total.update(block)
    start_response("200 OK", TEXT)
    return [total.hexdigest().encode()]


def unread(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"not read"]


def hints(environ, start_response):
    environ["wsgi.early_hints"]([("Link", "</style.css>; rel=preload")])
    start_response("200 OK", TEXT)
    environ["wsgi.early_hints"]([("Link", "</second.css>; rel=preload")])
    return [b"hinted"]


def late_hints(environ, start_response):
    start_response("200 OK", TEXT)(b"first")
    environ["wsgi.early_hints"]([("Link", "</late.css>; rel=preload")])
    return []


def errors(environ, start_response):
    stream = environ["wsgi.errors"]
    print("printed to wsgi.errors", file=stream)
    stream.write("written \u20ac ")
    stream.writelines(["in ", "parts"])
    stream.flush()
    stream.write("\nunfinished")
    start_response("200 OK", TEXT)
    return [b""]


def dump(environ, start_response):
    """The environ, one name and value a line."""
    start_response("200 OK", TEXT)
    return ["\n".join("%s=%r" % item for item in sorted(environ.items())).encode()]


def cleared(environ, start_response):
    environ.clear()
    raise RuntimeError("after environ.clear()")


def kwargs(environ, start_response):
    """The PEP's parameters are positional, but this name is used."""
    start_response("200 OK", TEXT, exc_info=None)
    return [b"fine"]


def pid(environ, start_response):
    start_response("200 OK", TEXT)
    return [str(os.getpid()).encode()]


def sleep(environ, start_response):
    time.sleep(float(environ["QUERY_STRING"]))
    start_response("200 OK", TEXT)
    return [b"slept"]


def until(environ, start_response):
    gate.until(environ["QUERY_STRING"])
    start_response("200 OK", TEXT)
    return [b"open"]


def app(environ, start_response):
    return globals()[environ["PATH_INFO"][1:]](environ, start_response)
