"""Bytes that both sides of a test can make: no two blocks of 32 bytes within a MiB are alike."""

import hashlib

BLOCK = b"".join(hashlib.sha256(i.to_bytes(4, "little")).digest() for i in range(32768))


def pieces(count, size=65536):
    """Yield the first count bytes of the endlessly repeated BLOCK, size bytes (a divisor of 1 MiB) at a time."""
    offset = 0
    while offset < count:
        start = offset % len(BLOCK)
        n = min(size, count - offset)
        yield BLOCK[start:start + n]
        offset += n
