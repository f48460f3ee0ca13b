"""A child that the application forks: it keeps nothing of the worker's, and runs to its own end.

A descriptor that an event loop watches must not be closed behind its back: libev and libuv end the process over it, and
a number that is used again would be watched for another. So what the child gives up is replaced by a descriptor that
never becomes ready.
"""

import atexit
import os
import sys
from select import EPOLLIN, EPOLLOUT, epoll

import _socket


def hush(descriptors):
    """Replaces each descriptor by the end of a pipe into which nobody writes."""
    near, far = os.pipe()       # the other end stays open for as long as the child lives
    for fd in descriptors:
        if fd >= 0:
            os.dup2(near, fd, False)
    os.close(near)
    return far


def renew(poll, interests):
    """Gives a select.epoll a set of its own, which after a fork is the parent's: a child that stopped to look at a
    descriptor would have the parent stop. ``interests`` are pairs of a descriptor and its events.
    """
    new = epoll()
    for fd, events in interests:
        try:
            new.register(fd, events)
        except OSError:         # closed, or a file
            pass
    os.dup2(new.fileno(), poll.fileno(), False)
    new.close()


def renew_loop(loop):
    """Gives an asyncio loop on epoll a set and a pipe to itself of its own. uvloop does so itself."""
    selector = getattr(loop, "_selector", None)
    poll = getattr(selector, "_selector", None)
    if not isinstance(poll, epoll):
        return
    ends = [getattr(loop, name, None) for name in ("_ssock", "_csock")]
    if None not in ends:
        pair = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        for new, old in zip(pair, ends):
            new.setblocking(False)
            os.dup2(new.fileno(), old.fileno(), False)
            new.close()
    renew(poll, [(key.fd, _events(key.events)) for key in list(selector.get_map().values())])


def _events(wanted):
    """epoll's events for those of the module selectors: reading is 1 and writing 2."""
    return (EPOLLIN if wanted & 1 else 0) | (EPOLLOUT if wanted & 2 else 0)


def leave(error=None, threads=True):
    """Ends a child as Python ends a process whose main module was left by ``error``. None: the child came back from the
    application, and what it would answer is the parent's.
    """
    status = 0
    if error is not None:
        status = exit_status(error)
        try:
            if threads and "threading" in sys.modules:
                sys.modules["threading"]._shutdown()    # waits for those that the child has started
            atexit._run_exitfuncs()
        except BaseException as problem:
            sys.excepthook(type(problem), problem, problem.__traceback__)
        flush()
    os._exit(status)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):   # there is none, or nobody reads it
            pass


def exit_status(error):
    """The status that Python ends with; what there is to say about it is on standard error."""
    if not isinstance(error, SystemExit):
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    sys.stderr.write("%s\n" % (error.code,))
    return 1
