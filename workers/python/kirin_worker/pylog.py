"""Python's ``logging`` as Gunicorn sets it up: the loggers gunicorn.error and gunicorn.access, and logger_class.

Without settings of its own, logging is set up when it is first imported: a worker that never logs pays nothing. With
logconfig, logconfig_dict, logconfig_json, logger_class or syslog it is set up before the application is loaded, and
what the runtime says goes through gunicorn.error as well.
"""

import json
import sys

from .errors import USAGE, WorkerError
from .stdlib import PathFinder, folders

NAMES = {2: "critical", 3: "error", 4: "warning", 6: "info", 7: "debug"}
DEFAULT = "gunicorn.glogging.Logger"


class Settings:
    """The settings as a logger_class gets them: an attribute each. What it asks for beyond them is None."""

    def __init__(self, values):
        self.settings = values
        self.__dict__.update(values)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return None


def settings(options):
    """The settings of the loggers, of the front's ``--logging`` and what is missing there."""
    values = {"loglevel": next(word for word, level in _levels() if level == options.log_level), "errorlog": "-",
              "accesslog": None, "logger_class": DEFAULT, "logconfig_dict": {}, "capture_output": False,
              "proc_name": options.name or options.application.partition(":")[0], "access_log_format": "",
              "is_ssl": False, "worker_class_str": options.kind, "user": None, "group": None, "syslog": False}
    values.update(options.logging or {})
    return Settings(values)


def _levels():
    from .options import LEVELS
    return LEVELS.items()


def prepare(options, log):
    """Sets logging up, or sees that it will be. Returns the logger when it is one that was asked for."""
    from . import shim
    shim.install()
    if options.logging is None:
        lazily(lambda: _glogging().Logger(settings(options), plain=log.journal))
        return None
    cfg = settings(options)
    if options.conf:
        from_conf(cfg, options)
    try:
        logger = find(cfg.logger_class)(cfg)
    except WorkerError:
        raise
    except Exception as error:
        raise WorkerError("the logs cannot be set up: %s: %s" % (type(error).__name__, error), USAGE)
    log.python = logger
    return logger


def _glogging():
    from . import glogging
    return glogging


def lazily(setup):
    """Calls ``setup`` once logging has been imported, now if it has."""
    if "logging" in sys.modules:
        setup()
    else:
        sys.meta_path.insert(0, Finder(setup))


class Finder:
    """Finds ``logging`` as the path does, and has ``setup`` called after it has run."""

    def __init__(self, setup):
        self.setup = setup

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, folders(), target)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            run = spec.loader.exec_module

            def exec_module(module):
                run(module)
                self.setup()

            spec.loader.exec_module = exec_module
        return spec


def from_conf(cfg, options):
    """What of a gunicorn.conf.py has no form in JSON: a class of its own, objects in logconfig_dict."""
    try:
        names = options.conf_names()
    except BaseException as error:
        raise WorkerError("%s cannot be read by the worker: %s: %s"
                          % (options.conf, type(error).__name__, error), USAGE)
    for name in ("logger_class", "logconfig_dict"):
        if name in names:
            setattr(cfg, name, names[name])
            cfg.settings[name] = names[name]


def find(named):
    """The class of that dotted name, or itself."""
    if not isinstance(named, str):
        return named
    named = {"simple": DEFAULT, "statsd": DEFAULT, "egg:gunicorn#logger": DEFAULT}.get(named, named)
    module, _, name = named.rpartition(".")
    if named in (DEFAULT, "gunicorn.instrument.statsd.Statsd"):     # the front has the metrics
        return _glogging().Logger
    try:
        __import__(module)
        return getattr(sys.modules[module], name)
    except (ImportError, AttributeError, ValueError, KeyError) as error:
        raise WorkerError("logger_class %s cannot be found: %s" % (named, error), USAGE)


def tell(logger, level, message):
    """Logs a message of the runtime's; its level is one of syslog's."""
    getattr(logger, NAMES[level])("%s", message.rstrip("\n"))


def parse(text):
    """The value of ``--logging``: JSON."""
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError(text)
    return values
