"""The entry: ``serve`` runs a worker, ``conf`` reads a gunicorn.conf.py."""

import os
import sys
from select import POLLIN, poll

from . import log as logs, options as opts, systemd
from .app import load
from .errors import USAGE, LoadError, WorkerError
from .server import accept, hello
from .signals import Signals
from .sync import Sync
from .wire import HELLO, Connection
from .wsgi import Quit

COURTESY = 10       # seconds that a worker that cannot start waits for the front to tell it


def main(arguments):
    """Runs one command; returns the exit status."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command == "serve":
        return serve(rest)
    sys.stderr.write("kirin_worker: unknown command %r (serve, conf)\n" % command)
    return USAGE


def serve(arguments):
    """The life of a worker, from its options to its exit status."""
    journal = os.environ.get("JOURNAL_STREAM", "")
    try:
        options = opts.parse(arguments)
        log = logs.Log(options.log_fd, options.log_level, journal)
        listener = systemd.listener()
        notifier = systemd.notifier()
    except WorkerError as error:
        logs.Log(journal_stream=journal).error(str(error))
        return error.status
    signals = Signals()
    signals.install()
    try:
        prepare(options)
        app = load(options.application)
    except WorkerError as error:
        return refuse(error, listener, options, log)
    server = Sync(app, listener, options, log, signals)
    signals.booted = True
    notifier.send("READY=1")
    try:
        server.run()
    except Quit:
        pass
    return 0


def refuse(error, listener, options, log):
    """Logs why the worker cannot start, tells the front that woke it, and returns the exit status."""
    text = error.text() if isinstance(error, LoadError) else str(error)
    log.error(text)
    poller = poll()
    poller.register(listener.fileno(), POLLIN)
    if poller.poll(COURTESY * 1000):
        sock = accept(listener)
        if sock is not None:
            conn = Connection(sock)
            conn.send(HELLO, dict(hello(options, 1), error=text, exit=error.status))
            conn.close()
    return error.status


def prepare(options):
    """The process as the application expects to find it: directory, umask, sys.path, title."""
    sys.argv = ["kirin"]
    if options.umask >= 0:
        os.umask(options.umask)
    if options.chdir:
        try:
            os.chdir(options.chdir)
        except OSError as error:
            raise WorkerError("cannot change to the directory %s: %s" % (options.chdir, error.strerror))
    here = os.getcwd()
    sys.path[:] = [here] + [path for path in sys.path if path != here]
    for path in map(os.path.abspath, options.pythonpath):
        if path not in sys.path:
            sys.path.insert(0, path)
