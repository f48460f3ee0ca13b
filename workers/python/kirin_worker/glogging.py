"""Gunicorn's ``gunicorn.glogging`` as far as people build on it: Logger, its methods and attributes.

It is what logger_class means when it is not set, and what ``gunicorn.glogging`` is where Gunicorn is not installed.
Files of the access log aside, handlers write to standard error and output: the files themselves are the front's.
"""

import base64
import json
import logging
import os
import sys
import threading
import traceback
from logging.config import dictConfig, fileConfig
from time import localtime, strftime

ERROR_FORMAT = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
DATE_FORMAT = "[%Y-%m-%d %H:%M:%S %z]"

CONFIG_DEFAULTS = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["error_console"], "propagate": True,
                           "qualname": "gunicorn.error"},
        "gunicorn.access": {"level": "INFO", "handlers": ["console"], "propagate": True,
                            "qualname": "gunicorn.access"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "generic", "stream": "ext://sys.stdout"},
        "error_console": {"class": "logging.StreamHandler", "formatter": "generic", "stream": "ext://sys.stderr"},
    },
    "formatters": {"generic": {"format": ERROR_FORMAT, "datefmt": DATE_FORMAT, "class": "logging.Formatter"}},
}


class SafeAtoms(dict):
    """Atoms of a line of the access log; one that is missing is "-"."""

    def __init__(self, atoms):
        dict.__init__(self)
        for key, value in atoms.items():
            self[key] = value.replace('"', '\\"') if isinstance(value, str) else value

    def __getitem__(self, k):
        if k.startswith("{"):
            k = k.lower()
        return dict.get(self, k, "-")


class Prefixed(logging.Formatter):
    """Lines for the journal's stream, each with its priority (sd-daemon(3))."""

    def format(self, record):
        level = next((ours for theirs, ours in ((50, 2), (40, 3), (30, 4), (20, 6)) if record.levelno >= theirs), 7)
        lines = logging.Formatter.format(self, record).split("\n")
        return "\n".join("<%d>%s" % (level, line) for line in lines)


class FrontHandler(logging.StreamHandler):
    """Stands for the front, which writes the access log, among the handlers of gunicorn.access.

    What has it pass a record on has the front write the line (verdict.Judge). A formatter of somebody's own cannot
    reach the front: then the line is written here, where the log is standard output.
    """

    _gunicorn = True

    def __init__(self, output):
        logging.StreamHandler.__init__(self, sys.stdout)
        self.own = self.formatter = logging.Formatter("%(message)s")
        self.output = output

    def emit(self, record):
        if hasattr(record, "kirin") and (self.formatter is self.own or self.output != "-"):
            record.kirin = True
        else:
            logging.StreamHandler.emit(self, record)


class Logger:
    """What Gunicorn calls ``log``."""

    LOG_LEVELS = {"critical": logging.CRITICAL, "error": logging.ERROR, "warning": logging.WARNING,
                  "info": logging.INFO, "debug": logging.DEBUG}
    loglevel = logging.INFO
    error_fmt = ERROR_FORMAT
    datefmt = DATE_FORMAT
    access_fmt = "%(message)s"
    syslog_fmt = "[%(process)d] %(message)s"
    atoms_wrapper_class = SafeAtoms

    formatter = logging.Formatter

    def __init__(self, cfg, plain=False, prefixed=False):
        self.error_log = logging.getLogger("gunicorn.error")
        self.access_log = logging.getLogger("gunicorn.access")
        self.error_log.propagate = self.access_log.propagate = False
        self.error_handlers = []
        self.access_handlers = []
        self.logfile = None
        self.lock = threading.Lock()
        self.cfg = cfg
        if plain:                       # where the journal has the rest itself
            self.error_fmt = "%(message)s"
        if prefixed:
            self.formatter = Prefixed
        self.setup(cfg)

    def setup(self, cfg):
        """Handlers and levels by the settings."""
        self.loglevel = self.LOG_LEVELS.get((cfg.loglevel or "info").lower(), logging.INFO)
        self.error_log.setLevel(self.loglevel)
        self.access_log.setLevel(logging.INFO)
        self._set_handler(self.error_log, cfg.errorlog, self.formatter(self.error_fmt, self.datefmt))
        if cfg.accesslog and getattr(cfg, "front_access", False):
            self.access_log.addHandler(FrontHandler(cfg.accesslog))
        elif cfg.accesslog:
            self._set_handler(self.access_log, cfg.accesslog, logging.Formatter(self.access_fmt), sys.stdout)
        if cfg.syslog:
            self._set_syslog_handler(self.error_log, cfg, self.syslog_fmt, "error")
            if getattr(cfg, "python_access", False) and not cfg.disable_redirect_access_to_syslog:
                self._set_syslog_handler(self.access_log, cfg, self.access_fmt, "access")
        self._configure(cfg)

    def _configure(self, cfg):
        if cfg.logconfig_dict:
            dictConfig(dict(CONFIG_DEFAULTS, **cfg.logconfig_dict))
        elif cfg.logconfig_json:
            with open(cfg.logconfig_json, encoding="utf-8") as file:
                dictConfig(dict(CONFIG_DEFAULTS, **json.load(file)))
        elif cfg.logconfig:
            if not os.path.exists(cfg.logconfig):
                raise RuntimeError("Error: log config '%s' not found" % cfg.logconfig)
            defaults = dict(CONFIG_DEFAULTS, __file__=cfg.logconfig, here=os.path.dirname(cfg.logconfig))
            fileConfig(cfg.logconfig, defaults=_texts(defaults), disable_existing_loggers=False)

    def _set_handler(self, log, output, fmt, stream=None):
        before = self._get_gunicorn_handler(log)
        if before is not None:
            log.removeHandler(before)
        if output is None:
            return
        if output == "-":
            handler = logging.StreamHandler(stream)
        else:
            handler = logging.FileHandler(output)
        handler.setFormatter(fmt)
        handler._gunicorn = True
        log.addHandler(handler)

    def _get_gunicorn_handler(self, log):
        return next((handler for handler in log.handlers if getattr(handler, "_gunicorn", False)), None)

    def _set_syslog_handler(self, log, cfg, fmt, name):
        from .syslog import Handler
        kind, address = parse_syslog_address(cfg.syslog_addr)
        facility = Handler.facility_names[(cfg.syslog_facility or "user").lower()]
        prefix = cfg.syslog_prefix or (cfg.proc_name or "").replace(":", ".")
        handler = Handler(address, facility, kind, prefix, name, cfg.syslog_format == "rfc5424")
        handler.setFormatter(logging.Formatter(fmt))
        handler._gunicorn = True
        log.addHandler(handler)

    # stacklevel: a record is the place's that logs, not this file's

    def critical(self, msg, *args, **kwargs):
        kwargs.setdefault("stacklevel", 2)
        self.error_log.critical(msg, *args, **kwargs)

    def error(self, msg, *args, **kwargs):
        kwargs.setdefault("stacklevel", 2)
        self.error_log.error(msg, *args, **kwargs)

    def warning(self, msg, *args, **kwargs):
        kwargs.setdefault("stacklevel", 2)
        self.error_log.warning(msg, *args, **kwargs)

    def info(self, msg, *args, **kwargs):
        kwargs.setdefault("stacklevel", 2)
        self.error_log.info(msg, *args, **kwargs)

    def debug(self, msg, *args, **kwargs):
        kwargs.setdefault("stacklevel", 2)
        self.error_log.debug(msg, *args, **kwargs)

    def exception(self, msg, *args, **kwargs):
        kwargs.setdefault("exc_info", True)
        kwargs.setdefault("stacklevel", 2)
        self.error_log.error(msg, *args, **kwargs)

    def log(self, lvl, msg, *args, **kwargs):
        if isinstance(lvl, str):
            lvl = self.LOG_LEVELS.get(lvl.lower(), logging.INFO)
        kwargs.setdefault("stacklevel", 2)
        self.error_log.log(lvl, msg, *args, **kwargs)

    def atoms(self, resp, req, environ, request_time):
        """What a line of the access log may name."""
        status = resp.status
        if isinstance(status, str):
            status = status.split(None, 1)[0]
        micro = request_time.seconds * 1000000 + request_time.microseconds
        sent = getattr(resp, "sent", None)
        atoms = {
            "h": environ.get("REMOTE_ADDR", "-"), "l": "-", "u": self._get_user(environ) or "-", "t": self.now(),
            "r": "%s %s %s" % (environ["REQUEST_METHOD"], environ["RAW_URI"], environ["SERVER_PROTOCOL"]),
            "s": status, "m": environ.get("REQUEST_METHOD"), "U": environ.get("PATH_INFO"),
            "q": environ.get("QUERY_STRING"), "H": environ.get("SERVER_PROTOCOL"),
            "b": "-" if sent is None else str(sent), "B": sent,
            "f": environ.get("HTTP_REFERER", "-"), "a": environ.get("HTTP_USER_AGENT", "-"),
            "T": request_time.seconds, "D": micro, "M": micro // 1000,
            "L": "%d.%06d" % (request_time.seconds, request_time.microseconds), "p": "<%s>" % os.getpid(),
        }
        for form, pairs in (("{%s}i", req.headers), ("{%s}o", resp.headers), ("{%s}e", environ.items())):
            pairs = pairs.items() if hasattr(pairs, "items") else pairs
            atoms.update((form % str(name).lower(), value) for name, value in pairs)
        return atoms

    def access(self, resp, req, environ, request_time):
        """Logs a request that has been answered."""
        cfg = self.cfg
        if not (cfg.accesslog or cfg.logconfig or cfg.logconfig_dict or cfg.logconfig_json
                or cfg.syslog and not cfg.disable_redirect_access_to_syslog):
            return
        atoms = self.atoms_wrapper_class(self.atoms(resp, req, environ, request_time))
        try:
            self.access_log.info(cfg.access_log_format, atoms)
        except Exception:
            self.error(traceback.format_exc())

    def now(self):
        return strftime("[%d/%b/%Y:%H:%M:%S %z]", localtime())

    def reopen_files(self):
        """Opens the files of every logger anew, after logrotate."""
        handlers = {handler for log in loggers() for handler in getattr(log, "handlers", ())}
        for handler in handlers:
            if isinstance(handler, logging.FileHandler) and handler.stream:
                try:
                    replace(handler.stream.fileno(), handler.baseFilename)
                except (OSError, ValueError) as error:
                    self.error("cannot open %s anew: %s", handler.baseFilename, error)

    def close_on_exec(self):
        """Nothing to do: Python's descriptors are not inherited."""

    def _get_user(self, environ):
        kind, _, value = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            return base64.b64decode(value.strip().encode("utf-8")).decode("utf-8").partition(":")[0]
        except (TypeError, ValueError):
            return None


def replace(fd, path):
    """Has what is written to ``fd`` go to the file at ``path`` from now on.

    It is one step for the kernel, so nobody's line is torn or lost, and a thread that writes without a pause, and so
    hardly ever leaves the handler's lock to others, need not be waited for.
    """
    new = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.dup2(new, fd, inheritable=False)
    finally:
        os.close(new)


def loggers():
    """Every logger that there is."""
    root = logging.root
    return [root] + [logging.getLogger(name) for name in list(root.manager.loggerDict)]


def parse_syslog_address(addr):
    """The kind of socket and the address of udp://HOST:PORT, tcp://HOST:PORT or unix://PATH#TYPE."""
    import socket
    scheme, _, rest = addr.partition("://")
    if scheme == "unix":
        path, _, kind = rest.partition("#")
        return {"dgram": socket.SOCK_DGRAM, "stream": socket.SOCK_STREAM}.get(kind), path
    host, colon, port = rest.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = rest, "514"
    kind = socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM
    return kind, (host.strip("[]"), int(port))


def _texts(defaults):
    """fileConfig's defaults have to be texts without a per cent sign of their own."""
    return {key: str(value).replace("%", "%%") for key, value in defaults.items()}
