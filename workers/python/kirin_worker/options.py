"""The options of ``serve``: always ``--key=value``, or ``--key`` alone for a switch."""

from .errors import USAGE, WorkerError
from .hookless import Hookless

CLASSES = ("auto", "sync", "gthread", "gevent", "gevent-websocket", "eventlet", "tornado", "asgi")
LEVELS = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def _seconds(text):
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError(text)
    return value


def _count(text):
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


def _positive(text):
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _level(text):
    return LEVELS[text.lower()]


def _one_of(*words):
    def convert(text):
        if text not in words:
            raise ValueError(text)
        return text
    return convert


def _logging(text):
    from .pylog import parse
    return parse(text)


def _statsd(text):
    from .statsd import parse
    return parse(text)


def _paths(text):
    return [path for path in text.split(",") if path]


class Options:
    """What ``serve`` was asked to do. Times are in seconds, 0 for none."""

    def __init__(self):
        self.kind = "sync"              # --class
        self.websockets = False         # wsgi.websocket, as gevent-websocket has it
        self.threads = 1                # slots of gthread
        self.worker_connections = 1000  # slots of a class with a loop
        self.asgi_loop = "auto"         # or asyncio, uvloop
        self.loop = None                # the event loop, made before the application is imported
        self.asgi_lifespan = "auto"     # or on, off
        self.disconnect_grace = 3.0     # from a client's going to the cancellation of its task
        self.timeout = 0.0              # of a request
        self.request_timeout = 0.0      # after which the front answers for it
        self.graceful_timeout = 30.0    # from SIGTERM to the end
        self.max_requests = 0           # 0: never retire
        self.max_requests_jitter = 0
        self.max_memory = 0             # MiB of this process; 0: no limit
        self.max_lifetime = 0.0
        self.own_cgroup = False         # systemd has started this process: its control group is this worker's
        self.workers = 1                # for wsgi.multiprocess
        self.pythonpath = []
        self.name = ""                  # for the process title
        self.identifier = "kirin"       # SYSLOG_IDENTIFIER of entries in the journal
        self.log_level = 6              # syslog's numbers
        self.log_fd = 2
        self.umask = -1                 # -1: as inherited
        self.logging = None             # settings of the loggers, when there are some (pylog)
        self.conf = ""                  # the gunicorn.conf.py that has objects for them, or hooks
        self.hooks = []                 # names of server hooks that it has
        self.given = {}                 # settings that are not the defaults, for hooks
        self.units_of = ""              # the application whose file has the settings, when they are not those of conf
        self.after = None               # the hook post_request: told of each exchange that is over
        self.age = 0                    # this worker's number
        self.names = None               # what the file has left
        self.hooked = Hookless()        # the hooks themselves
        self.access_log = ""            # where the front writes the access log; empty: it writes none
        self.access_format = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
        self.access_filters = ""        # what on_starting has put on gunicorn.access (verdict)
        self.judge = None               # asks Python's logging whether the front is to write a line
        self.access = None              # told of each exchange that is over, when Python writes the access log
        self.statsd = None              # counts what is logged
        self.spew = False
        self.paste_global = []          # NAME=VALUE
        self.preload = False            # load the application once and fork workers from this process
        self.reload = False
        self.reload_extra_files = []
        self.chdir = ""
        self.application = ""           # MODULE:CALLABLE

    def conf_names(self):
        """The globals of the gunicorn.conf.py, which is run once."""
        if self.names is None:
            from .conf import run
            self.names = run(self.conf)
        return self.names


PARSERS = {
    "class": ("kind", _one_of(*CLASSES)),
    "threads": ("threads", _positive),
    "worker-connections": ("worker_connections", _positive),
    "asgi-loop": ("asgi_loop", _one_of("auto", "asyncio", "uvloop")),
    "asgi-lifespan": ("asgi_lifespan", _one_of("auto", "on", "off")),
    "asgi-disconnect-grace-period": ("disconnect_grace", _seconds),
    "timeout": ("timeout", _seconds),
    "request-timeout": ("request_timeout", _seconds),
    "graceful-timeout": ("graceful_timeout", _seconds),
    "max-requests": ("max_requests", _count),
    "max-requests-jitter": ("max_requests_jitter", _count),
    "max-memory": ("max_memory", _count),
    "max-lifetime": ("max_lifetime", _seconds),
    "workers": ("workers", _count),
    "pythonpath": ("pythonpath", _paths),
    "name": ("name", str),
    "identifier": ("identifier", str),
    "logging": ("logging", _logging),
    "conf": ("conf", str),
    "statsd": ("statsd", _statsd),
    "hooks": ("hooks", _paths),
    "given": ("given", _logging),
    "units-of": ("units_of", str),
    "access-log": ("access_log", str),
    "access-logformat": ("access_format", str),
    "access-filters": ("access_filters", str),
    "log-level": ("log_level", _level),
    "log-fd": ("log_fd", _count),
    "umask": ("umask", _count),
    "chdir": ("chdir", str),
}


def age_of(worker):
    """The number in NAME:NUMBER, or 0."""
    number = worker.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


def parse(arguments):
    """Options from the arguments after ``serve``; WorkerError (exit 2) says what is wrong with them."""
    options = Options()
    for argument in arguments:
        if argument.startswith("--"):
            _set(options, argument)
        elif options.application:
            raise WorkerError("one MODULE:CALLABLE is wanted, %r is a second one" % argument, USAGE)
        else:
            options.application = argument
    if not options.application:
        raise WorkerError("MODULE:CALLABLE is missing", USAGE)
    return options


def _set(options, argument):
    key, equals, text = argument[2:].partition("=")
    if key in ("preload", "reload", "spew") and not equals:
        setattr(options, key, True)
    elif key == "paste-global":
        options.paste_global.append(text)
    elif key == "reload-extra-file":
        options.reload_extra_files.append(text)
    elif key not in PARSERS:
        raise WorkerError("unknown option --%s" % key, USAGE)
    elif not equals:
        raise WorkerError("--%s wants a value: --%s=VALUE" % (key, key), USAGE)
    else:
        field, convert = PARSERS[key]
        try:
            setattr(options, field, convert(text))
        except (ValueError, KeyError):
            raise WorkerError("--%s=%s: not a value that it takes" % (key, text), USAGE)
