"""The server hooks of a gunicorn.conf.py that run in a worker, or in the parent of forked ones.

Their arguments are like Gunicorn's: docs/hooks.md says what those have. The hooks of the server itself are
server_hooks.py's.
"""

import os

from .errors import BOOT, LoadError
from .gconfig import Config, warner
from .hookless import Hookless
from .objects import HookLog, Server, worker_class
from .trace import format_error, last_line


class HookError(LoadError):
    """A hook has failed without which there is no worker."""

    def __init__(self, name, error):
        LoadError.__init__(self, "the hook %s failed: %s" % (name, last_line(error)), format_error(error))
        self.status = BOOT


class Hooks(Hookless):
    """The hooks of one process."""

    def __init__(self, found, names, options, log):
        self.found = found
        self.out = log
        self.log = HookLog(log) if log.python is None else log.python
        self.cfg = configuration(names, options, warner(log, "worker"))
        self.server = Server(os.getppid(), self.cfg, self.log)
        self.kind = worker_class(self.cfg.settings["worker_class"].get(), self.cfg.threads)
        self.worker = self.kind(os.getpid(), options.age, self.cfg, self.log)

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
        self.worker.app.callable = app
        self.worker.serve(server)
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
        self.call("pre_fork", self.server, self.kind("[booting]", age, self.cfg, self.log))

    def forked(self, pid, age):
        self.server.WORKERS[pid] = self.kind(pid, age, self.cfg, self.log)

    def child_exit(self, pid):
        worker = self.server.WORKERS.pop(pid, None) or self.kind(pid, 0, self.cfg, self.log)
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


def configuration(names, options, told=None):
    """``cfg``: the settings as the worker was given them, with what of the file has no form in JSON."""
    given = dict(options.given)
    if not options.units_of:
        given.update((name, value) for name, value in names.items() if not name.startswith("_"))
    else:
        given.update((name, names[name]) for name in options.hooks if name in names)
    given.update(options.given)         # which have been read: a flag wins over the file
    given.update(values(options))
    return Config(given, told)


def whole(number):
    """Seconds, as Gunicorn has them."""
    return int(number) if number == int(number) else number


def values(options):
    """The settings that a worker knows, by Gunicorn's names."""
    return {
        "workers": options.workers, "threads": options.threads, "worker_class": options.kind,
        "worker_connections": options.worker_connections,
        "timeout": whole(options.timeout), "graceful_timeout": whole(options.graceful_timeout),
        "max_requests": options.max_requests, "max_requests_jitter": options.max_requests_jitter,
        "preload_app": options.preload, "reload": options.reload, "chdir": options.chdir or None,
        "wsgi_app": options.application, "proc_name": options.name or None,
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
