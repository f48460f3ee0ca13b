"""Threads of the runtime's own, which live as long as the process."""

from _thread import allocate_lock, start_new_thread


def start(function):
    """Calls ``function`` in a thread, and returns when that runs.

    Python 3.11 and older crash when a thread takes its first step in an interpreter that has ended meanwhile: a worker
    that gets INT just behind its start would have ended by SIGSEGV. So a Quit waits for the thread, too.
    """
    begun = allocate_lock()
    begun.acquire()

    def run():
        begun.release()
        function()

    start_new_thread(run, ())
    try:
        begun.acquire()
    except BaseException:
        begun.acquire()
        raise
