"""Frames of calls to dirty workers: a little-endian length, a kind, and a value in marshal.

Values are Gunicorn's: None, bool, int, float, str, bytes, lists and dicts of them with strings for keys. A tuple
arrives as a list. Each call has a connection of its own:

    client -> arbiter   CALL (generation, app, action), which the arbiter reads and no byte more
    client -> worker    BODY (args, kwargs): the arbiter has passed the connection on
    worker -> client    RESULT, or any number of CHUNK and an END; or ERROR at any time, also of the arbiter

A STASH (operation, arguments) is answered by the arbiter itself, with RESULT or ERROR.
"""

from marshal import dumps, loads
from struct import Struct

from .dirty_errors import DirtyProtocolError

CALL, BODY, RESULT, CHUNK, END, ERROR, STASH = range(1, 8)

HEADER = Struct("<IB")
MAX = 256 << 20     # bytes of a value
EXACT = {type(None), bool, int, float, str, bytes}


def plain(value):
    """``value`` in the types above; DirtyProtocolError when it has no such form."""
    kind = type(value)
    if kind in EXACT:
        return value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {_key(key): plain(item) for key, item in value.items()}
    for base in (int, float, str, bytes):       # enumerations, numpy.float64 and their like
        if isinstance(value, base):
            return base.__add__(value, base())
    raise DirtyProtocolError("a value of type %s cannot be sent: None, bool, int, float, str, bytes, lists and dicts "
                             "can" % kind.__name__)


def _key(key):
    if not isinstance(key, str):
        raise DirtyProtocolError("Dict keys must be strings, got %s" % type(key).__name__)
    return plain(key)


def pack(kind, value):
    """A frame, ready to send."""
    try:
        payload = dumps(plain(value), 2)
    except (ValueError, RecursionError):
        raise DirtyProtocolError("the value is nested too deeply")
    if len(payload) > MAX:
        raise DirtyProtocolError("a value of %d bytes is too long: the most is %d" % (len(payload), MAX))
    return HEADER.pack(len(payload), kind) + payload


def size_of(header, limit=MAX):
    """(length, kind) of a header."""
    size, kind = HEADER.unpack(header)
    if size > limit:
        raise DirtyProtocolError("a frame of %d bytes" % size, raw_data=bytes(header))
    return size, kind


def unpack(payload):
    """The value of a payload."""
    try:
        return loads(payload)
    except (ValueError, EOFError, TypeError):
        raise DirtyProtocolError("a frame that is no value", raw_data=bytes(payload))


def receive(sock, before=None):
    """(kind, value) of the next frame; EOFError when the peer has gone. ``before`` is called before each wait."""
    size, kind = size_of(_exactly(sock, HEADER.size, before))
    return kind, unpack(_exactly(sock, size, before))


def _exactly(sock, size, before):
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        if before is not None:
            before()
        count = sock.recv_into(rest)
        if count == 0:
            raise EOFError
        rest = rest[count:]
    return data
