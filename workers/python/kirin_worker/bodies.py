"""Response bodies of the rarer kinds: files and spools."""

import os
from io import BufferedRandom, BufferedReader, FileIO
from stat import S_ISREG

from .errors import WSGIError

MEMORY = 1 << 20    # a spool up to this is kept in memory


class FileWrapper:
    """wsgi.file_wrapper (PEP 3333): an iterable of a file's blocks that the worker knows by its type."""

    def __init__(self, filelike, blksize=8192):
        self.filelike = filelike
        self.blksize = blksize
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self):
        return self

    def __next__(self):
        data = self.filelike.read(self.blksize)
        if data:
            return data
        raise StopIteration

    def __getitem__(self, key):
        """The old iteration protocol, as Gunicorn's wrapper has it."""
        data = self.filelike.read(self.blksize)
        if data:
            return data
        raise IndexError(key)


def regular(filelike):
    """(descriptor, offset, count) of what is left of a regular file, None for anything else.

    Only the plain file types are looked into: fileno() of a GzipFile is that of the compressed file.
    """
    inner = filelike
    for _ in range(3):      # tempfile's and Django's wrappers
        kind = type(inner)
        if kind is FileIO or kind in (BufferedReader, BufferedRandom) and type(inner.raw) is FileIO:
            break
        inner = getattr(inner, "file", None)
    else:
        return None
    try:
        fd = inner.fileno()
        status = os.fstat(fd)
        offset = inner.tell()
    except (OSError, ValueError):
        return None
    if not S_ISREG(status.st_mode) or not status.st_size:   # those of /proc have no size
        return None
    return fd, offset, max(0, status.st_size - offset)


def spool(body):
    """A descriptor of a file that holds ``body`` and has no name; -1 when there is no room for it."""
    fd = -1
    try:
        fd = _memory() if len(body) <= MEMORY else _temporary()
        view = memoryview(body)
        while view:
            view = view[os.write(fd, view):]
        return fd
    except OSError:
        if fd >= 0:
            os.close(fd)
        return -1


def _memory():
    return os.memfd_create("kirin-response", getattr(os, "MFD_CLOEXEC", 1))


def _temporary():
    """An unnamed file in the first directory that has one (O_TMPFILE of open(2))."""
    problem = None
    for directory in (os.environ.get("TMPDIR"), "/var/tmp", "/tmp"):
        if directory:
            try:
                return _unnamed(directory)
            except OSError as error:
                problem = error
    raise problem


def _unnamed(directory):
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        return os.open(directory, flags | getattr(os, "O_TMPFILE", 0o20200000), 0o600)
    except OSError:
        pass                # a file system without O_TMPFILE
    path = os.path.join(directory, ".kirin-%d-%s" % (os.getpid(), os.urandom(8).hex()))
    fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)
    return fd


def is_single(blocks):
    """Whether an iterable says that it has one block."""
    try:
        return len(blocks) == 1
    except TypeError:
        return False


def to_bytes(block):
    """A block as plain bytes; WSGIError for what PEP 3333 does not allow."""
    if isinstance(block, bytes):
        return bytes(block)
    raise WSGIError("a block of the response is %s, not bytes: %.60r" % (type(block).__name__, block))
