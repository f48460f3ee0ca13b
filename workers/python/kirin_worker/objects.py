"""Gunicorn's objects as hooks meet them: log, server, worker, app, and the sockets.

They have what Gunicorn's have, with its types and effects. What cannot be had raises an AttributeError that says why
and names the way.
"""

import os
import sys

COUNTED = {"critical": 2, "error": 3, "warning": 4, "exception": 3}


class HookLog:
    """``log`` of server and worker: the Logger of Gunicorn's that the process has, made when it is first asked for."""

    def __init__(self, out):
        self.__dict__["out"] = out

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        out = self.out
        found = getattr(out.logger(), name)
        if out.statsd is None or name not in COUNTED:
            return found

        def counted(*args, **kwargs):
            out.statsd.count("exception") if name == "exception" else out.statsd.message(COUNTED[name])
            return found(*args, **kwargs)
        return counted

    def __setattr__(self, name, value):
        setattr(self.out.logger(), name, value)


class Likeness:
    """One that says what it lacks. ``ABSENT`` has the ways, by attribute."""

    ABSENT = {}
    CALLED = ""
    SIGNALLING = ()

    def __getattr__(self, name):
        if name in self.ABSENT:
            raise AttributeError("kirin's %s has no %s: %s" % (self.CALLED, name, self.ABSENT[name]))
        if name in self.SIGNALLING:
            return signals(self.CALLED)[name]
        raise AttributeError("kirin's %s has no %s (docs/hooks.md lists what it has)" % (self.CALLED, name))


def signals(called):
    """The signals that Gunicorn's arbiter, or worker, handles."""
    import signal
    words = {"server": "HUP QUIT INT TERM TTIN TTOU USR1 USR2 WINCH",
             "worker": "ABRT HUP QUIT INT TERM USR1 USR2 WINCH CHLD"}[called]
    return {"SIGNALS": [getattr(signal, "SIG" + word) for word in words.split()],
            "SIG_NAMES": {value: name[3:].lower() for name, value in vars(signal).items()
                          if name.startswith("SIG") and name[3] != "_"}}


class Listener(Likeness):
    """One of ``server.LISTENERS``: where kirin listens."""

    CALLED = "socket"
    ABSENT = dict.fromkeys(("accept", "fileno", "close", "listen", "bind", "setsockopt", "getsockopt", "set_options",
                            "sock", "setblocking", "shutdown", "recv", "send", "detach", "dup"),
                           "the sockets are the front's, which no Python runs in; see docs/hooks.md")

    def __init__(self, address, secure):
        import socket
        self.cfg_addr = address
        self.scheme = "https" if secure else "http"
        self.FAMILY = (socket.AF_UNIX if isinstance(address, str) else
                       socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.family = self.FAMILY

    def getsockname(self):
        if isinstance(self.cfg_addr, tuple) and ":" in self.cfg_addr[0]:
            return self.cfg_addr + (0, 0)
        return self.cfg_addr

    def __str__(self):
        if isinstance(self.cfg_addr, str):
            return "unix:%s" % self.cfg_addr
        host, port = self.cfg_addr
        return "%s://%s:%d" % (self.scheme, "[%s]" % host if ":" in host else host, port)


def listeners(addresses, cfg):
    """Those of the addresses that kirin has."""
    return [Listener(address, cfg.is_ssl) for address in addresses if not isinstance(address, int)]


class Pidfile(Likeness):
    """``server.pidfile``."""

    CALLED = "pidfile"
    ABSENT = dict.fromkeys(("create", "rename", "unlink", "validate"), "the file is kirin's; --pid names it")

    def __init__(self, fname, pid):
        self.fname, self.pid = fname, pid


class App(Likeness):
    """``server.app`` and ``worker.app``: Gunicorn's WSGIApplication."""

    CALLED = "app"
    ABSENT = {"init": "kirin has read the command line", "run": "kirin runs", "do_load_config": "kirin has read it",
              "load_config": "kirin has read it", "load_default_config": "kirin has read it",
              "reload": "send SIGHUP to server.pid"}
    usage = None
    prog = "kirin"
    logger = None

    def __init__(self, cfg):
        self.cfg = cfg
        self.callable = None

    @property
    def app_uri(self):
        return self.cfg.wsgi_app

    def chdir(self):
        os.chdir(self.cfg.chdir)
        if self.cfg.chdir not in sys.path:
            sys.path.insert(0, self.cfg.chdir)

    def load(self):
        from .app import load
        return load(self.app_uri)

    def wsgi(self):
        if self.callable is None:
            self.callable = self.load()
        return self.callable


class Server(Likeness):
    """Gunicorn's Arbiter. ``pid`` is kirin's."""

    CALLED = "server"
    ABSENT = dict.fromkeys(("setup", "start", "run", "init_signals", "maybe_promote_master", "sleep", "murder_workers",
                            "reap_workers", "manage_workers", "spawn_worker", "spawn_workers"),
                           "kirin looks after its workers by itself; set server.num_workers, or send a signal to "
                           "server.pid (docs/signals.md)")
    SIGNALLING = ("SIGNALS", "SIG_NAMES")
    WORKER_BOOT_ERROR = 3
    APP_LOAD_ERROR = 4

    def __init__(self, pid, cfg, log):
        self.pid = pid
        self.log = log
        self.app = App(cfg)
        self.wanted = cfg.workers       # num_workers
        self.asked = None               # what a hook has made of it
        self.WORKERS = {}
        self.LISTENERS = []
        self.PIPE = []
        self.SIG_QUEUE = []
        self.worker_age = self.reexec_pid = self.master_pid = 0
        self.master_name = "Master"
        self.systemd = False
        self.adopt(cfg)

    def adopt(self, cfg):
        """Takes other settings over."""
        self.cfg = self.app.cfg = cfg
        self.address = cfg.address
        self.timeout = cfg.timeout
        self.proc_name = cfg.proc_name
        self.worker_class = cfg.worker_class
        self.pidfile = Pidfile(cfg.pidfile, self.pid) if cfg.pidfile else None

    @property
    def START_CTX(self):
        try:
            with open("/proc/%d/cmdline" % self.pid, "rb") as file:
                args = file.read().decode("utf-8", "surrogateescape").split("\0")[:-1]
        except OSError:
            args = []
        return {"args": args, "cwd": os.getcwd(), 0: args[0] if args else "kirin"}

    @property
    def num_workers(self):
        return self.wanted

    @num_workers.setter
    def num_workers(self, value):
        self.wanted = self.asked = value

    def kill_worker(self, pid, sig):
        os.kill(pid, sig)

    def kill_workers(self, sig):
        for pid in list(self.WORKERS):
            os.kill(pid, sig)

    def wakeup(self):
        """Gunicorn's main loop looks about; kirin's does by itself."""

    def signal(self, sig, frame=None):
        os.kill(self.pid, sig)

    def _send(self, word):
        import signal
        os.kill(self.pid, getattr(signal, "SIG" + word))

    def reload(self):
        self._send("HUP")

    def reexec(self):
        self._send("USR2")

    def stop(self, graceful=True):
        self._send("TERM" if graceful else "QUIT")

    def halt(self, reason=None, exit_status=0):
        if reason is not None:
            self.log.error("%s", reason)
        self.stop()

    def handle_hup(self):
        self._send("HUP")

    def handle_term(self):
        self._send("TERM")

    def handle_int(self):
        self._send("INT")

    def handle_quit(self):
        self._send("QUIT")

    def handle_ttin(self):
        self._send("TTIN")

    def handle_ttou(self):
        self._send("TTOU")

    def handle_usr1(self):
        self._send("USR1")

    def handle_usr2(self):
        self._send("USR2")

    def handle_winch(self):
        self._send("WINCH")


class Tmp(Likeness):
    """``worker.tmp``: Gunicorn's heartbeat. kirin looks at each request by itself."""

    CALLED = "worker.tmp"
    ABSENT = {"fileno": "there is no file; the time-out is kirin's, which looks at each request"}

    def notify(self):
        """Nothing to tell."""

    def last_update(self):
        from time import monotonic
        return monotonic()

    def close(self):
        """Nothing to close."""


class Worker(Likeness):
    """Gunicorn's Worker. A hook may keep what it wants in it."""

    CALLED = "worker"
    ABSENT = dict.fromkeys(("run", "init_process", "load_wsgi", "init_signals", "handle_error", "wait_fds"),
                           "the worker's loop is kirin's; post_fork, post_worker_init and pre_request are its moments")
    SIGNALLING = ("SIGNALS",)
    PIPE = ()
    reloader = None
    server = None           # ours, once there is one

    def __init__(self, pid, age, cfg, log):
        self.pid = pid
        self.age = age
        self.ppid = os.getppid()
        self.cfg = cfg
        self.log = log
        self.app = App(cfg)
        self.timeout = cfg.timeout
        self.limit = cfg.max_requests or sys.maxsize
        self.given_up = self.replaced = False
        self.booted = False
        self.aborted = False
        self.sockets = listeners(cfg.address, cfg)
        self.tmp = Tmp()

    def serve(self, server):
        """There is a server: what was set before is done."""
        if self.limit != (self.cfg.max_requests or sys.maxsize):
            server.retire_at = 0 if self.limit == sys.maxsize else self.limit
        self.server = server
        self.alive = not self.given_up

    @property
    def wsgi(self):
        return self.app.callable

    @property
    def nr(self):
        """How many requests it has begun."""
        return 0 if self.server is None else self.server.begun

    @property
    def max_requests(self):
        return self.limit if self.server is None else self.server.retire_at or sys.maxsize

    @max_requests.setter
    def max_requests(self, value):
        self.limit = value
        if self.server is not None:
            self.server.retire_at = 0 if value == sys.maxsize else value

    @property
    def alive(self):
        server = self.server
        return not self.given_up and (server is None or server.accepting and not server.signals.stopping)

    @alive.setter
    def alive(self, value):
        """False has the worker replaced, by one that is ready first."""
        self.given_up = not value
        if self.given_up and self.server is not None and not self.replaced:
            self.replaced = True
            self.server.retire("alive", "a hook has set worker.alive to False")

    def notify(self):
        self.tmp.notify()

    def handle_exit(self, sig=None, frame=None):
        self.alive = False

    def handle_quit(self, sig=None, frame=None):
        import signal
        os.kill(os.getpid(), signal.SIGQUIT)

    def handle_abort(self, sig=None, frame=None):
        import signal
        os.kill(os.getpid(), signal.SIGABRT)

    def handle_usr1(self, sig=None, frame=None):
        self.log.reopen_files()

    def handle_winch(self, sig=None, frame=None):
        """Ignored, as Gunicorn's does."""

    def __str__(self):
        return "<Worker %s>" % self.pid


NAMES = {"sync": "SyncWorker", "auto": "SyncWorker", "gthread": "ThreadWorker", "threads": "ThreadWorker",
         "gevent": "GeventWorker", "gevent-websocket": "GeventWebSocketWorker", "eventlet": "EventletWorker",
         "tornado": "TornadoWorker", "asgi": "ASGIWorker"}


def worker_class(named, threads=1):
    """The class of workers, by Gunicorn's name of it."""
    if isinstance(named, type):
        return named
    if named in ("auto", "sync") and threads > 1:
        named = "gthread"
    return type(NAMES.get(named, named.rpartition(".")[2]), (Worker,), {"__module__": "gunicorn.workers"})
