"""The server hooks of a gunicorn.conf.py that run in a worker, or in the parent of forked ones.

Their arguments are like Gunicorn's: docs/hooks.md says what those have. The hooks of the server itself are
server_hooks.py's.
"""

import os
import sys

from .errors import BOOT, LoadError
from .hookless import Hookless
from .log import INFO
from .trace import format_error, last_line


class HookError(LoadError):
    """A hook has failed without which there is no worker."""

    def __init__(self, name, error):
        LoadError.__init__(self, "the hook %s failed: %s" % (name, last_line(error)), format_error(error))
        self.status = BOOT


class HookLog:
    """``log`` of server and worker: Gunicorn's Logger, on the error log."""

    def __init__(self, log):
        self.out = log

    def _put(self, level, message, args):
        self.out.write(level, message % args if args else str(message))

    def critical(self, message, *args, **kwargs):
        self._put(2, message, args)

    def error(self, message, *args, **kwargs):
        self._put(3, message, args)

    def warning(self, message, *args, **kwargs):
        self._put(4, message, args)

    warn = warning

    def info(self, message, *args, **kwargs):
        self._put(INFO, message, args)

    def debug(self, message, *args, **kwargs):
        self._put(7, message, args)

    def exception(self, message, *args, **kwargs):
        text = str(message % args if args else message)
        error = sys.exc_info()[1]
        self._put(3, "%s", (text if error is None else text + "\n" + format_error(error),))

    def log(self, level, message, *args, **kwargs):
        """``level`` is one of Python's ``logging``."""
        ours = next((ours for theirs, ours in ((50, 2), (40, 3), (30, 4), (20, INFO)) if level >= theirs), 7)
        self._put(ours, message, args)


class Server:
    """Gunicorn's arbiter, as far as a hook can see it."""

    def __init__(self, pid, cfg, log):
        self.pid = pid
        self.cfg = cfg
        self.log = log
        self.num_workers = cfg.workers
        self.WORKERS = {}
        self.LISTENERS = []
        self.address = cfg.bind
        self.proc_name = cfg.proc_name
        self.timeout = cfg.timeout
        self.worker_age = 0


class App:
    """``worker.app``."""

    def __init__(self, cfg, log):
        self.cfg = cfg
        self.logger = log
        self.callable = None

    def wsgi(self):
        return self.callable


class Worker:
    """Gunicorn's worker, as far as a hook can see it. A hook may keep what it wants in it."""

    def __init__(self, pid, age, cfg, log):
        self.pid = pid
        self.age = age
        self.ppid = os.getppid()
        self.cfg = cfg
        self.log = log
        self.app = App(cfg, log)
        self.timeout = cfg.timeout
        self.max_requests = cfg.max_requests
        self.booted = False
        self.aborted = False
        self.sockets = []
        self.server = None          # ours, once there is one

    @property
    def wsgi(self):
        return self.app.callable

    @property
    def nr(self):
        """How many requests it has begun."""
        return 0 if self.server is None else self.server.begun

    @property
    def alive(self):
        return self.server is None or self.server.accepting and not self.server.signals.stopping

    def notify(self):
        """Gunicorn's heartbeat: kirin looks at each request by itself."""

    def __str__(self):
        return "<Worker %s>" % self.pid


class Hooks(Hookless):
    """The hooks of one process."""

    def __init__(self, found, names, options, log):
        self.found = found
        self.out = log
        self.log = HookLog(log) if log.python is None else log.python
        self.cfg = configuration(names, options)
        self.server = Server(os.getppid(), self.cfg, self.log)
        self.worker = Worker(os.getpid(), options.age, self.cfg, self.log)

    def be_born(self, age):
        worker = self.worker            # who is called with each request knows this one
        worker.pid, worker.ppid, worker.age = os.getpid(), os.getppid(), age

    def must(self, name, *args):
        """Calls a hook whose failure is that of the worker's start."""
        if name in self.found:
            try:
                self.found[name](*args)
            except BaseException as error:
                raise HookError(name, error)

    def call(self, name, *args):
        """Calls a hook whose failure is logged."""
        if name in self.found:
            try:
                self.found[name](*args)
            except BaseException as error:
                self.out.exception("error in the hook %s" % name, error)

    # One for each moment

    def post_fork(self):
        self.server.WORKERS = {self.worker.pid: self.worker}
        self.must("post_fork", self.server, self.worker)

    def post_worker_init(self, server, app):
        self.worker.server = server
        self.worker.app.callable = app
        self.must("post_worker_init", self.worker)
        self.worker.booted = True

    def worker_int(self):
        self.call("worker_int", self.worker)

    def worker_abort(self):
        """Once, by the thread that watches: the main thread may stand in C code."""
        if not self.worker.aborted:
            self.worker.aborted = True
            self.call("worker_abort", self.worker)

    def worker_exit(self):
        self.call("worker_exit", self.server, self.worker)

    # In the parent of forked workers

    def pre_fork(self, age):
        self.server.worker_age = age
        self.call("pre_fork", self.server, Worker("[booting]", age, self.cfg, self.log))

    def forked(self, pid, age):
        self.server.WORKERS[pid] = Worker(pid, age, self.cfg, self.log)

    def child_exit(self, pid):
        worker = self.server.WORKERS.pop(pid, None) or Worker(pid, 0, self.cfg, self.log)
        self.call("child_exit", self.server, worker)

    # Requests: nothing of this is there for a worker that has no such hook

    def wrap(self, app, is_asgi):
        hook = self.found.get("pre_request")
        if hook is None:
            return app
        from .hook_requests import before, before_asgi
        return (before_asgi if is_asgi else before)(hook, self.worker, app)

    def after(self):
        hook = self.found.get("post_request")
        if hook is None:
            return None
        from .hook_requests import recorder
        return recorder(hook, self.worker, self.out)


def configuration(names, options):
    """``cfg``: what the file sets, and what a worker knows of the settings; None for others."""
    from .pylog import settings
    cfg = settings(options)
    for name, value in list(names.items()) + list(values(options).items()):
        if not name.startswith("_") and not callable(value) and not isinstance(value, type(sys)):
            cfg.settings[name] = value
            setattr(cfg, name, value)
    return cfg


def values(options):
    """The settings that a worker knows, by Gunicorn's names."""
    return {
        "workers": options.workers, "threads": options.threads, "worker_class": options.kind,
        "worker_class_str": options.kind, "worker_connections": options.worker_connections,
        "timeout": options.timeout, "graceful_timeout": options.graceful_timeout,
        "max_requests": options.max_requests, "max_requests_jitter": options.max_requests_jitter,
        "preload_app": options.preload, "reload": options.reload, "chdir": options.chdir,
        "wsgi_app": options.application, "proc_name": options.name or options.application,
    }


def find(options, log):
    """The hooks that ``--hooks`` names, of the file that ``--conf`` names."""
    try:
        names = options.conf_names()
    except BaseException as error:
        raise HookError("file " + options.conf, error)
    found = {name: names[name] for name in options.hooks if callable(names.get(name))}
    if options.units_of:                # nobody has looked at the file before
        from .conf_told import tell
        tell(options, names, values(options), log)
    return Hooks(found, names, options, log)
