"""Header fields of ASGI, byte strings, as the pairs of text that the wire carries."""

from .asgi_errors import ASGIError
from .heads import TOKEN

NAMES = {}          # names that were found right, and their text
ENOUGH = 1000       # an application that makes names up shall not fill the memory


def encode_headers(headers):
    """A list of (name, value) as text; ASGIError says what is wrong. The front checks them again."""
    pairs = []
    try:
        for name, value in headers:
            text = NAMES.get(name) or _name(name)
            value = value.decode("latin-1")
            if not value.isascii() or not value.isprintable():
                _check(text, value)
            pairs.append((text, value))
    except (TypeError, ValueError, AttributeError) as error:
        raise ASGIError("headers must be pairs of byte strings: %s" % error)
    return pairs


def _name(name):
    text = bytes(name).decode("latin-1")
    if not text or not TOKEN.issuperset(text):
        raise ASGIError("the name of a header has a character that it must not have: %r" % name)
    if len(NAMES) < ENOUGH:
        NAMES[bytes(name)] = text
    return text


def _check(name, value):
    """Control characters (RFC 9110, section 5.5)."""
    for char in value:
        code = ord(char)
        if code < 32 and code != 9 or code == 127:
            raise ASGIError("the header %s has a control character: %r" % (name, value))
