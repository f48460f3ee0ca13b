"""Applications that raise, or break the rules of PEP 3333, each under a path of its own."""

import sys

TEXT = [("Content-Type", "text/plain")]


def before_headers(environ, start_response):
    raise ValueError("raised before the headers")


def after_start_response(environ, start_response):
    start_response("200 OK", TEXT)
    raise ValueError("raised after start_response")


def first_piece(environ, start_response):
    start_response("200 OK", TEXT)
    return iter_that_raises(b"")


def later_piece(environ, start_response):
    start_response("200 OK", TEXT)
    return iter_that_raises(b"sent before it broke\n")


def later_piece_with_length(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "1000")])
    return iter_that_raises(b"sent before it broke\n")


def iter_that_raises(first):
    yield first
    raise ValueError("raised in the body")


class Close:
    def __iter__(self):
        return iter([b"whole\n"])

    def close(self):
        raise ValueError("raised in close")


def in_close(environ, start_response):
    start_response("200 OK", TEXT)
    return Close()


def no_start_response(environ, start_response):
    return [b"no status\n"]


def twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"twice\n"]


def replaced(environ, start_response):
    """Replace the headers, as a framework does that catches an exception in time."""
    start_response("200 OK", TEXT + [("X-First", "yes")])
    try:
        raise ValueError("caught")
    except ValueError:
        start_response("503 Replaced", TEXT + [("X-Second", "yes")], sys.exc_info())
    return [b"replaced\n"]


def too_late(environ, start_response):
    """Try to replace headers that are on their way: start_response must raise what was given."""
    def body():
        yield b"on its way\n"
        try:
            raise KeyError("too late to replace")
        except KeyError:
            start_response("500 Too Late", TEXT, sys.exc_info())
        yield b"never sent\n"
    start_response("200 OK", TEXT)
    return body()


def late_start(environ, start_response):
    """Call start_response in the iteration, before the first piece, as the PEP allows."""
    start_response("201 Late", TEXT)
    yield b"late but right\n"


def text_body(environ, start_response):
    start_response("200 OK", TEXT)
    return ["text, not bytes"]


def none_body(environ, start_response):
    start_response("200 OK", TEXT)
    return None


def bytes_body(environ, start_response):
    """Not forbidden, only slow: an iterable of one-byte pieces in the eyes of the PEP, of ints in Python 3."""
    start_response("200 OK", TEXT)
    return b"bytes"


def too_long(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "4")])
    return [b"12345678"]


def too_short(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "100")])
    return [b"12345678"]


def bad_status(environ, start_response):
    start_response("nonsense", TEXT)
    return [b""]


def status_injection(environ, start_response):
    start_response("200 OK\r\nX-Injected: yes", TEXT)
    return [b"body"]


def value_injection(environ, start_response):
    start_response("200 OK", TEXT + [("X-Value", "a\r\nX-Injected: yes")])
    return [b"body"]


def name_injection(environ, start_response):
    start_response("200 OK", TEXT + [("X-Name: a\r\nX-Injected", "yes")])
    return [b"body"]


def newline_injection(environ, start_response):
    start_response("200 OK", TEXT + [("X-Value", "a\nX-Injected: yes")])
    return [b"body"]


def nul_value(environ, start_response):
    start_response("200 OK", TEXT + [("X-Value", "a\0b")])
    return [b"body"]


def empty_name(environ, start_response):
    start_response("200 OK", TEXT + [("", "nameless")])
    return [b"body"]


def number_header(environ, start_response):
    start_response("200 OK", TEXT + [("X-Number", 5)])
    return [b"body"]


def wide_header(environ, start_response):
    start_response("200 OK", TEXT + [("X-Wide", "\u9e92\u9e9f")])
    return [b"body"]


def system_exit(environ, start_response):
    sys.exit("the application wants to leave")


def hello(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"fine\n"]


def app(environ, start_response):
    name = environ["PATH_INFO"].strip("/").replace("-", "_")
    return globals().get(name, hello)(environ, start_response)
