"""Gunicorn's ``Config`` and ``Setting`` as hooks meet them: ``server.cfg``, ``worker.cfg``.

The settings are known when a hook is called. One that a hook sets has the new value here, and nowhere else: that is
told, once for each.
"""

import os
import re

from .gsettings import TABLE


def boolean(value):
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise TypeError("Invalid type for casting: %s" % value)
    word = value.lower().strip()
    if word not in ("true", "false"):
        raise ValueError("Invalid boolean: %s" % value)
    return word == "true"


def number(value):
    value = int(value) if isinstance(value, (int, float)) else int(value, 0)
    if value < 0:
        raise ValueError("Value must be positive: %s" % value)
    return value


def text(value):
    if value is not None and not isinstance(value, str):
        raise TypeError("Not a string: %s" % value)
    return value if value is None else value.strip()


def texts(value):
    if not value:
        return []
    return [text(item) for item in ([value] if isinstance(value, str) else value)]


def mapping(value):
    if not isinstance(value, dict):
        raise TypeError("Value is not a dictionary: %s " % value)
    return value


def a_class(value):
    return value if isinstance(value, type) else value() if callable(value) else text(value)


def hook(value):
    if value is not None and not callable(value):
        raise TypeError("Value is not callable: %s" % value)
    return value


def owner(value):
    """A user or group: its number, or its name."""
    return number(value) if isinstance(value, int) or value is not None and value.isdigit() else text(value)


VALIDATORS = {"str": text, "int": number, "bool": boolean, "list": texts, "dict": mapping, "class": a_class,
              "hook": hook, "owner": owner}
TYPES = {"int": int, "str": str, "class": str, "list": str}


def nothing(*arguments):
    """A hook that the file does not have."""


class Setting:
    """One of ``cfg.settings``."""

    action = meta = nargs = const = None

    def __init__(self, section, order, row, told):
        self.name, self.kind, self.default, flags = row
        self.section = section
        self.order = order
        self.cli = flags.split() or None
        self.validator = VALIDATORS[self.kind]
        self.type = TYPES.get(self.kind)
        self.short = self.desc = "%s: docs/settings.md of kirin" % self.name
        self.told = told
        self.value = nothing if self.kind == "hook" else self.default

    def get(self):
        return self.value

    def set(self, val):
        self.value = self.validator(val)
        if self.told is not None:
            self.told(self)

    def copy(self):
        from copy import copy
        return copy(self)

    def add_option(self, parser):
        raise AttributeError("Setting.add_option: the command line is kirin's, which has read it before any hook")

    def __lt__(self, other):
        return self.section == other.section and self.order < other.order

    __cmp__ = __lt__

    def __repr__(self):
        return "<%s.%s object at %x with value %r>" % (type(self).__module__, self.name, id(self), self.value)


class Config:
    """The settings, an attribute each; ``values`` are those that are not the defaults."""

    def __init__(self, values=(), told=None):
        self.settings = {}
        self.usage = None
        self.prog = "kirin"
        self.env_orig = dict(os.environ)
        self.__dict__["told"] = told
        for section, rows in TABLE:
            for row in rows:
                self.settings[row[0]] = Setting(section, len(self.settings), row, None)
        values = dict({"certfile": None, "keyfile": None}, **dict(values))     # which may be several, for kirin
        for name, value in values.items():
            self.take(name, value)
        for setting in self.settings.values():
            setting.told = self._tell

    def _tell(self, setting):
        if self.told is not None:
            self.told(setting.name)

    def take(self, name, value):
        """A value as it came from kirin: it has been checked."""
        if name not in self.settings:
            return
        if name in ("certfile", "keyfile") and isinstance(value, list):
            value = value[0] if len(value) == 1 else value or None
        if name in ("user", "group"):
            value = identity(name, value)
        if value is None and self.settings[name].kind == "hook":
            value = nothing
        self.settings[name].value = value
        if name == "wsgi_app" and value:
            self.settings["default_proc_name"].value = value

    def __getattr__(self, name):
        if name.startswith("__") or name not in self.settings:
            raise AttributeError("No configuration setting for: %s" % name)
        value = self.settings[name].get()
        if value is None and name in ABSENT:
            return ABSENT[name]()
        return value

    def __setattr__(self, name, value):
        if name != "settings" and name in self.settings:
            raise AttributeError("Invalid access!")
        object.__setattr__(self, name, value)

    def set(self, name, value):
        if name not in self.settings:
            raise AttributeError("No configuration setting for: %s" % name)
        self.settings[name].set(value)

    def __str__(self):
        width = max(map(len, self.settings))
        shown = []
        for name in sorted(self.settings):
            value = self.settings[name].value
            if callable(value):
                value = "<%s()>" % value.__qualname__
            shown.append("%-*s = %s" % (width, name, value))
        return "\n".join(shown)

    def get_cmd_args_from_env(self):
        import shlex
        return shlex.split(self.env_orig.get("GUNICORN_CMD_ARGS", ""))

    def parser(self):
        raise AttributeError("Config.parser: the command line is kirin's, which has read it before any hook; "
                             "kirin run --print-config shows the settings")

    # What Gunicorn makes of them

    @property
    def worker_class_str(self):
        named = self.settings["worker_class"].get()
        if isinstance(named, type):
            return named.__name__
        return "threads" if named in ("auto", "sync") and self.threads > 1 else named

    @property
    def worker_class(self):
        """A class of that name: what is told apart by it, people compare ``worker_class_str``."""
        from .objects import worker_class
        return worker_class(self.settings["worker_class"].get(), self.threads)

    @property
    def logger_class(self):
        from .pylog import find
        return find(self.settings["logger_class"].get())

    @property
    def address(self):
        return [parse_address(bind) for bind in self.settings["bind"].get()]

    @property
    def uid(self):
        return self.user

    @property
    def gid(self):
        return self.group

    @property
    def proc_name(self):
        return self.settings["proc_name"].get() or self.settings["default_proc_name"].get()

    @property
    def is_ssl(self):
        return self.certfile or self.keyfile

    @property
    def ssl_options(self):
        return {name: setting.get() for name, setting in self.settings.items() if setting.section == "SSL"}

    @property
    def env(self):
        return dict(pair.split("=", 1) for pair in self.settings["raw_env"].get())

    @property
    def paste_global_conf(self):
        pairs = self.settings["raw_paste_global_conf"].get()
        return dict(re.split(r"(?<!\\)=", pair, maxsplit=1) for pair in pairs)


ABSENT = {"chdir": os.getcwd, "user": os.geteuid, "group": os.getegid}     # what None means


def identity(name, value):
    """The number of a user or group, as Gunicorn keeps it."""
    if value is None or isinstance(value, int):
        return value
    try:
        if name == "user":
            from pwd import getpwnam
            return getpwnam(value).pw_uid
        from grp import getgrnam
        return getgrnam(value).gr_gid
    except KeyError:
        return value


def parse_address(bind):
    """(HOST, PORT) of a bind, the path of a Unix socket, or the number of a descriptor, as Gunicorn has them."""
    for scheme in ("http://", "https://", "tcp://"):
        if bind.startswith(scheme):
            bind = bind[len(scheme):]
    if bind.startswith("unix:"):
        return bind[len("unix://" if bind.startswith("unix://") else "unix:"):]
    if bind.startswith("fd://"):
        return int(bind[len("fd://"):])
    host, colon, port = bind.rpartition(":")
    if not colon or port.endswith("]") or not port.isdigit():
        host, port = bind, "8000"
    return (host.strip("[]") or "0.0.0.0").lower(), int(port)


def warner(log, who):
    """Tells, once for each setting, that a hook has set it to no effect."""
    told = set()

    def tell(name):
        if name not in told:
            told.add(name)
            log.warning("a hook has set %s in the %s, which has an effect on what hooks read there only: set it in the "
                        "configuration file itself, or on the command line" % (name, who))
    return tell
