"""Header fields of ASGI, byte strings, as the pairs of text that the wire carries."""

from .asgi_errors import ASGIError
from .heads import TOKEN

NAMES = {}          # names that were found right, and their text
PAIRS = {}          # names and values that were, and theirs
STATUS = {}         # statuses, and their text
ENOUGH = 1000       # an application that makes them up shall not fill the memory
LONG = 100          # bytes of a value that is hardly ever the same again


def encode_status(status):
    """A status as text; ASGIError when it is none for a final response."""
    text = STATUS.get(status)
    if text is None:
        if not isinstance(status, int) or not 200 <= status <= 999:
            raise ASGIError("the status is not a number from 200 to 999: %.60r" % (status,))
        text = STATUS[int(status)] = str(int(status))
    return text


def encode_headers(headers):
    """A list of (name, value) as text; ASGIError says what is wrong. The front checks them again."""
    if type(headers) is not list:
        headers = _listed(headers)
    try:
        return [PAIRS[pair] for pair in headers]    # most are the same again and again
    except (KeyError, TypeError):
        pass            # new ones, or lists
    return _encode(headers)


def _listed(headers):
    try:
        return list(headers)
    except TypeError as error:
        raise _odd(error) from None


def _encode(headers):
    pairs = []
    try:
        for name, value in headers:
            text = NAMES.get(name) or _name(name)
            content = value.decode("latin-1")
            if not content.isascii() or not content.isprintable():
                _check(text, content)
            pair = text, content
            pairs.append(pair)
            if len(value) < LONG and text.lower() != "set-cookie":
                if len(PAIRS) >= ENOUGH:
                    PAIRS.clear()
                PAIRS[bytes(name), bytes(value)] = pair
    except (TypeError, ValueError, AttributeError) as error:
        raise _odd(error) from None
    return pairs


def _odd(error):
    return ASGIError("headers must be pairs of byte strings: %s" % error)


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
