"""A line in the file that $TRACE names for each thing an application did: it tells a test what was executed."""

import os


def note(*words):
    """Append one line, in one write, so that lines of several processes do not mix."""
    if "TRACE" in os.environ:
        fd = os.open(os.environ["TRACE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(fd, (" ".join(str(w) for w in words) + "\n").encode())
        finally:
            os.close(fd)
