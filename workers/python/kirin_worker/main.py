"""The entry: ``serve`` runs a worker, ``conf`` reads a gunicorn.conf.py."""

import faulthandler
import os
import sys
from select import POLLIN, poll

from . import log as logs, options as opts, stdlib, systemd
from .app import load
from .calls import is_asgi
from .errors import USAGE, LoadError, WorkerError
from .importing import Importing
from .server import accept, hello
from .signals import Signals
from .trace import place
from .wire import HELLO, Connection
from .wsgi import Quit

TITLES = {"worker": "kirin-worker", "parent of workers": "kirin-parent", "dirty worker": "kirin-dirtywork"}
COURTESY = 1        # seconds that a worker that cannot start waits for the front to tell it


def main(arguments):
    """Runs one command; returns the exit status."""
    stdlib.install()
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command == "serve":
        return serve(rest)
    if command == "conf":
        from .conf import main as conf
        return conf(rest)
    if command == "hooks":
        from .server_hooks import main as hooks
        return hooks(rest)
    if command == "dirty":
        from .dirty_arbiter import main as dirty
        return dirty(rest)
    if command == "dirty-worker":
        from .dirty_worker import main as dirty_worker
        return dirty_worker(rest)
    sys.stderr.write("kirin_worker: unknown command %r (serve, conf, hooks, dirty)\n" % command)
    return USAGE


def serve(arguments):
    """The life of a worker, from its options to its exit status."""
    journal = os.environ.get("JOURNAL_STREAM", "")
    try:
        options = opts.parse(arguments)
        log = logs.Log(options.log_fd, options.log_level, journal)
        log.statsd = options.statsd
        worker = os.environ.pop("KIRIN_WORKER", "")
        options.age = opts.age_of(worker)
        options.own_cgroup = os.environ.get("SYSTEMD_EXEC_PID") == str(os.getpid())     # systemd.exec(5)
        log.connect(options.identifier, worker)
        listener = systemd.listener()
        notifier = systemd.notifier()
    except WorkerError as error:
        logs.Log(journal_stream=journal).error(str(error))
        return error.status
    signals = Signals()
    signals.install()
    faulthandler.enable(crash_log(log))
    early = accept_now(listener)
    if options.preload:
        from .preload import Parent     # before the application can patch what it imports
    try:
        kind, app, reloader = load_all(options, log, signals, notifier)
    except WorkerError as error:
        return abandon(error, early, listener, options, log)
    if options.preload:
        birth = Parent(listener, notifier, signals, options, log).run(early)
        if birth is None:
            options.hooked.child_exit(os.getpid())      # of what it has loaded, a successor has its own
            return 0
        listener, early, notifier, signals = None, birth.sock, birth.mouth, birth.signals
        kind.after_fork(options)
        set_title("worker", options)
    try:
        if options.preload:
            options.hooked.post_fork()
        server = kind(kind.hooked(app, options.hooked), listener, options, log, signals)
        options.hooked.post_worker_init(server, app)
        server.open()
    except WorkerError as error:
        return abandon(error, early, listener, options, log)
    signals.interrupted = options.hooked.worker_int
    server.watch = signals.watch = server.make_watch(notifier)
    os.register_at_fork(after_in_child=server.abandon)
    if options.preload:
        os.register_at_fork(after_in_child=notifier.close)
    if reloader is not None:
        reloader.changed = lambda path: server.tell({"changed": path})
        reloader.start()
    return work(server, early, notifier, log)


def prepare_logs(options, log, signals):
    """Python's logging, before the application is loaded; and --spew."""
    from . import pylog
    if options.access_log:
        from .verdict import Judge
        options.judge = Judge(options, log)
    logger = pylog.prepare(options, log)
    if options.access_filters or options.conf and not options.hooks and options.logging is None:
        pylog.run_conf(options)         # which has something for the access log
    if options.access_filters:
        from .verdict import load
        load(options.access_filters, log.logger().access_log)
    if logger is not None:
        signals.reopens(getattr(logger, "reopen_files", None))
        if options.logging.get("python_access"):
            from .access import recorder
            options.access = recorder(logger, options.logging.get("access_log_exclude") or ())
    if options.spew:
        from . import spew
        spew.install()


def load_all(options, log, signals, notifier):
    """(class of server, application, Reloader or None); WorkerError when there is none."""
    kind = None if options.kind == "auto" else server_class(options)
    prepare(options)
    if log.native is not None:
        from . import records
        sys.stderr = records.Stderr(log)
    prepare_logs(options, log, signals)
    if options.hooks:
        from . import hooks
        options.hooked = hooks.find(options, log)
        options.after = options.hooked.after()
    if not options.preload:
        options.hooked.post_fork()
    with Importing(log, notifier):
        app, reloader = application(options, log)
    if kind is None:
        options.kind = found_class(app, options)
        kind = server_class(options)
    elif options.kind != "asgi":
        refuse_other(app, options)
    return kind.serving(app), app, reloader


def server_class(options):
    """The class of server; its modules are imported before the application can patch what they import."""
    if options.kind == "asgi":
        from . import asgi
        asgi.prepare(options)
        return asgi.ASGI
    if options.kind in ("gevent", "gevent-websocket", "eventlet"):
        from . import green, green_kits
        options.websockets = options.kind == "gevent-websocket"
        options.kind = options.kind.partition("-")[0]
        green_kits.patch(options.kind)
        return green.Green
    if options.kind == "tornado":
        from . import tornado_server
        tornado_server.prepare(options)
        return tornado_server.Tornado
    if options.kind == "gthread":
        from .gthread import GThread
        return GThread
    from .sync import Sync
    return Sync


def crash_log(log):
    """The descriptor for the stacks of a process that crashes, which can be told by lines only."""
    fd = -1 if log.native is None else log.native.stream(logs.ERROR)
    return log.fd if fd < 0 else fd


def application(options, log):
    """The application, and with --reload what watches its files (and a stand-in if it cannot be loaded)."""
    if log.native is None:
        return load_application(options, log)
    from . import records
    try:
        return load_application(options, log)
    finally:
        records.adopt_threads(log)


def load_application(options, log):
    if not options.reload:
        return load_named(options), None
    from . import broken
    from .reloader import Reloader
    reloader = Reloader(options.reload_extra_files, None)
    try:
        return load_named(options), reloader
    except LoadError as error:
        log.error(error.text(), reason(error))
        reloader.extra = broken.files(error, options.application)
        make = broken.asgi_application if options.kind == "asgi" else broken.application
        return make(error), reloader


def load_named(options):
    """The application of MODULE:CALLABLE, or of paste:FILE."""
    if options.application.startswith("paste:"):
        from .paster import load as load_paste
        return load_paste(options.application[len("paste:"):], options.paste_global)
    return load(options.application)


def found_class(app, options):
    """What ``auto`` is for an application."""
    if is_asgi(app):
        return "asgi"
    if is_tornados(app):
        return "tornado"
    return "gthread" if options.threads > 1 else "sync"


def is_tornados(app):
    """Whether it is a tornado.web.Application, which has imported what tells."""
    if "tornado.httputil" not in sys.modules:
        return False
    from . import tornado_server
    return tornado_server.is_tornados(app)


def refuse_other(app, options):
    """An application of another interface fails its every request in a class that speaks WSGI."""
    if is_asgi(app):
        raise LoadError("%s is an ASGI application, and the worker class %s serves WSGI: use asgi or auto"
                        % (options.application, options.kind))
    if options.kind != "tornado" and is_tornados(app):
        raise LoadError("%s is an application of Tornado's, and the worker class %s serves WSGI: use tornado or auto"
                        % (options.application, options.kind))


def work(server, early, notifier, log):
    """Runs the server to its end, beginning with the connection that was taken early."""
    try:
        log.info("Booting worker with pid: %d" % os.getpid())
        notifier.send("READY=1")
        server.watch.start()
        if early is not None:
            server.adopt(early)
        server.run()
        log.info("Worker exiting (pid: %d)" % os.getpid())
        server.signals.quitting = True      # from here on, INT and QUIT have nothing to unwind
        server.watch.stop()                 # for threads of the application's that do not end
        server.hooks.worker_exit()
        server.leave()
    except Quit:
        server.hooks.worker_exit()
    return 0


def abandon(error, early, listener, options, log):
    """Ends a worker that cannot start; see refuse()."""
    status = refuse(error, early, listener, options, log)
    if not options.preload or listener is None:     # a parent is no worker
        options.hooked.worker_exit()
    return status


def accept_now(listener, wait=0):
    """The connection that woke this process, or None when there is none after ``wait`` seconds.

    It is taken before the application is loaded: if that ends the process, the front sees it end. Left in the
    backlog, the connection would have systemd start the next process at once, for ever.
    """
    poller = poll()
    poller.register(listener.fileno(), POLLIN)
    return accept(listener) if poller.poll(wait * 1000) else None


def refuse(error, sock, listener, options, log):
    """Tells the front that woke the worker why it cannot start, or else the log; returns the exit status."""
    text = error.text() if isinstance(error, LoadError) else str(error)
    if log.journal:     # each unit has a log of its own; it has the reason before the front ends and anybody looks
        log.error(text, reason(error))
    if sock is None:
        log.debug("the worker cannot start: waiting for the front to say why")
        sock = accept_now(listener, COURTESY)
    told = False
    if sock is not None:
        told = tell(sock, error, text, options)
    while options.preload and listener is not None and sock is not None:
        sock = accept_now(listener)         # who waits for another worker of the same parent
        if sock is not None:
            tell(sock, error, text, options)
    if not told and not log.journal:
        log.error(text, reason(error))
    if log.native is not None:
        log.native.sync()
    return error.status


def tell(sock, error, text, options):
    """Says in a HELLO why there is no worker; whether that could be said."""
    conn = Connection(sock)
    conn.send(HELLO, dict(hello(options, 1), error=text, exit=error.status))
    told = not conn.gone
    conn.close()
    return told


def reason(error):
    """The journal's fields of what ends a worker."""
    fields = {} if error.__context__ is None else place(error.__context__)
    if isinstance(error, LoadError):
        fields["MESSAGE_ID"] = logs.APP_NOT_LOADED
    return fields


def prepare(options):
    """The process as the application expects to find it: directory, umask, sys.path, title."""
    sys.argv = ["kirin"]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)     # logs are read line by line
    if options.umask >= 0:
        os.umask(options.umask)
    if options.chdir:
        try:
            os.chdir(options.chdir)
        except OSError as error:
            raise WorkerError("cannot change to the directory %s: %s" % (options.chdir, error.strerror))
    try:
        here = os.getcwd()
    except OSError as error:
        raise WorkerError("the working directory is gone: %s; name one with --chdir" % error.strerror)
    sys.path[:] = [here] + [path for path in sys.path if path != here]
    for path in map(os.path.abspath, options.pythonpath):
        if path not in sys.path:
            sys.path.insert(0, path)
    set_title("parent of workers" if options.preload else "worker", options)


def set_title(what, options):
    """Names the process for ps, by setproctitle where it is installed."""
    try:
        from setproctitle import setproctitle
    except ImportError:
        try:
            with open("/proc/self/comm", "w") as comm:
                comm.write(TITLES[what])
        except OSError:
            pass
    else:
        setproctitle("kirin: %s [%s]" % (what, options.name) if options.name else "kirin: " + what)
