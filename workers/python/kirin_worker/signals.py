"""The signals of docs/protocol.md. Installed before the application is loaded, as Gunicorn does it.

A signal must end a wait at once: besides the handler, which runs between two bytecodes, the interpreter
writes to a pipe that the loop polls, so that a signal just before the wait is not missed.
"""

import os
from _signal import (SIG_BLOCK, SIG_DFL, SIG_SETMASK, SIG_UNBLOCK, SIGINT, SIGQUIT, SIGTERM, SIGUSR1,
                     default_int_handler, getsignal, pthread_sigmask, set_wakeup_fd, signal)
from _thread import get_ident

import _socket

from .wsgi import Quit


class Signals:
    """What came in, and a descriptor that becomes readable with it."""

    def __init__(self):
        self.stopping = False       # SIGTERM
        self.quitting = False       # SIGINT or SIGQUIT
        self.unwinding = True       # quitting raises Quit in the main thread
        self.watch = None           # told of both; until there is one, they end the process on the spot
        self.handlers = ((SIGTERM, self._stop), (SIGINT, self._quit), (SIGQUIT, self._quit),
                         (SIGUSR1, self._reopen))
        self.reopen = None          # what opens log files anew
        self.rotated = False        # SIGUSR1 has come
        self.interrupted = None     # called for INT and QUIT, before anything else
        self.masks = {}             # by thread: the signal mask from before a fork
        self.near, self.far = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self.near.setblocking(False)
        self.far.setblocking(False)

    def install(self):
        """Takes TERM, INT, QUIT and USR1 over; a child that is forked gives them back."""
        set_wakeup_fd(self.far.fileno(), warn_on_full_buffer=False)
        for number, handler in self.handlers:
            signal(number, handler)
        os.register_at_fork(before=self._before_fork, after_in_parent=self._after_fork,
                            after_in_child=self._in_child)

    def fileno(self):
        return self.near.fileno()

    def wake(self):
        """Ends the loop's wait; any thread may call it."""
        try:
            self.far.send(b"\0")
        except OSError:
            pass                    # full: it will wake up anyway

    def clear(self):
        """Takes the wake-ups in."""
        try:
            while len(self.near.recv(4096)) == 4096:
                pass
        except OSError:
            pass

    def close(self):
        self.near.close()
        self.far.close()

    def reopens(self, reopen):
        """``reopen`` opens the log files anew: at SIGUSR1, and at once if one came while they were opened."""
        self.reopen = reopen
        if self.rotated and reopen is not None:
            reopen()

    def _reopen(self, number, frame):
        self.rotated = True
        if self.reopen is not None:     # a thread waits for the line that this one may be writing
            from threading import Thread
            Thread(target=self.reopen, daemon=True).start()

    def hold(self):
        """Has SIGUSR1 wait, here and in a child that is forked, until release()."""
        pthread_sigmask(SIG_BLOCK, (SIGUSR1,))

    def release(self):
        pthread_sigmask(SIG_UNBLOCK, (SIGUSR1,))

    def _stop(self, number, frame):
        if self.watch is None:
            os._exit(0)
        self.stopping = True
        self.wake()
        self.watch.stop()

    def _quit(self, number, frame):
        if self.watch is None or self.quitting:
            os._exit(0)
        self.quitting = True
        self.watch.quit()
        self.wake()
        if self.interrupted is not None:
            self.interrupted()
        if self.unwinding:
            raise Quit()

    # A child of the application's must die of SIGTERM, also of one that comes before it is itself.

    def _before_fork(self):
        self.masks[get_ident()] = pthread_sigmask(SIG_BLOCK, (SIGTERM, SIGINT, SIGQUIT))

    def _after_fork(self):
        pthread_sigmask(SIG_SETMASK, self.masks.pop(get_ident()))

    def _in_child(self):
        try:
            set_wakeup_fd(-1)
            for number, handler in self.handlers:
                if getsignal(number) == handler:
                    signal(number, default_int_handler if number == SIGINT else SIG_DFL)
        except ValueError:
            pass        # PyPy cannot, in a child of another thread than the main one
        self._after_fork()


def catches(pid, number):
    """Whether a process has a handler for a signal, which else may end it (proc(5))."""
    try:
        with open("/proc/%d/status" % pid) as status:
            masks = [line for line in status if line.startswith("SigCgt:")]
    except OSError:
        return False                # it has gone
    return bool(masks) and int(masks[0].split()[1], 16) >> number - 1 & 1 == 1
