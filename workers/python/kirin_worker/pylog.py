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


def configured(values):
    """Gunicorn's Config of the settings that a logger_class may look at, and of what kirin has beside them."""
    from .gconfig import Config
    cfg = Config(values)
    for name, value in values.items():
        if name not in cfg.settings and not hasattr(Config, name):
            setattr(cfg, name, value)
    return cfg


def settings(options):
    """The settings of the loggers, of the front's ``--logging`` and what is missing there."""
    values = {"loglevel": next(word for word, level in _levels() if level == options.log_level), "errorlog": "-",
              "accesslog": None, "logger_class": DEFAULT, "logconfig_dict": {}, "capture_output": False,
              "proc_name": options.name or options.application.partition(":")[0],
              "worker_class": options.kind, "wsgi_app": options.application, "python_access": False}
    values.update(options.logging or {})
    if options.access_log:
        values.update(accesslog=options.access_log, access_log_format=options.access_format, front_access=True)
    return configured(values)


def _levels():
    from .options import LEVELS
    return LEVELS.items()


def prepare(options, log):
    """Sets logging up, or sees that it will be. Returns the logger when it is one that was asked for."""
    from . import shim
    shim.install()
    if options.logging is None:
        log.make = lambda: judged(made(settings(options), log), options)
        lazily(log.logger)
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
    log.python = judged(logger, options)
    return logger


def judged(logger, options):
    """The logger, which from now on is asked about each line of the access log that the front writes."""
    if options.judge is not None and hasattr(logger, "access_log"):
        options.judge.adopt(logger)
    return logger


def alone(log, accesslog=None):
    """Gunicorn's Logger on standard error, in a process that is no worker."""
    return made(configured({"loglevel": NAMES[log.level], "accesslog": accesslog, "front_access": True}), log)


def made(cfg, log):
    """Gunicorn's Logger where nothing configures it. What is for the journal has no time and pid of its own."""
    return _glogging().Logger(cfg, plain=log.journal, prefixed=log.journal and log.native is None)


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
    names = run_conf(options)
    for name in ("logger_class", "logconfig_dict"):
        if name in names:
            cfg.take(name, names[name])


def run_conf(options):
    """The globals that the file leaves."""
    try:
        return options.conf_names()
    except BaseException as error:
        raise WorkerError("%s cannot be read by the worker: %s: %s"
                          % (options.conf, type(error).__name__, error), USAGE)


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
