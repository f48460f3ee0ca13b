"""Checks the head of a response: what an application passes to start_response.

The front checks it again. Here the point is the traceback, which shows where the application did it.
"""

from .errors import WSGIError

# Statuses and names of headers that were found right; a response that has only these is not looked at again.
GOOD = set()
ENOUGH = 1000       # an application that makes names up shall not fill the memory

TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def check_head(status, headers):
    """The headers as a list of tuples, and Content-Length (-1 for none); WSGIError says what is wrong."""
    check_status(status)
    pairs = []
    length = -1
    for header in headers:
        if not isinstance(header, (tuple, list)) or len(header) != 2:
            raise WSGIError("a header is not a (name, value) tuple: %r" % (header,))
        name, value = header
        check_header(name, value)
        if name.lower() == "content-length":
            if not (value.isascii() and value.isdigit()):
                raise WSGIError("Content-Length is not a number: %r" % value)
            length = int(value)
        pairs.append((name, value))
    return pairs, length


def check_status(status):
    if not isinstance(status, str):
        raise WSGIError("the status is %s, not str: %r" % (type(status).__name__, status))
    check_text("status", status)
    if not (status[:3].isascii() and status[:3].isdigit() and status[3:4] in ("", " ")):
        raise WSGIError("the status does not begin with three digits and a space: %r" % status)
    remember(status)


def check_header(name, value):
    if not isinstance(name, str) or not isinstance(value, str):
        raise WSGIError("a header's name and value must be str: %r" % ((name, value),))
    if not name or not TOKEN.issuperset(name):
        raise WSGIError("the name of a header has a character that it must not have: %r" % name)
    check_text("header %s" % name, value)
    remember(name)


def check_text(what, text):
    """Characters of RFC 9110, section 5.5, as Latin-1."""
    for char in text:
        code = ord(char)
        if code > 255:
            raise WSGIError("the %s has a character outside Latin-1: %r" % (what, text))
        if code < 32 and code != 9 or code == 127:
            raise WSGIError("the %s has a control character: %r" % (what, text))


def remember(text):
    if type(text) is str and text.isascii() and len(GOOD) < ENOUGH:
        GOOD.add(text)
