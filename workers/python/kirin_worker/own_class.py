"""A worker class of the application's own, derived from uvicorn's for Gunicorn: its CONFIG_KWARGS as settings.

Neither uvicorn nor Gunicorn is needed for it: the classes that it is derived from are stood in for.
"""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

CLASSES = ("UvicornWorker", "UvicornH11Worker")
MODULES = ("uvicorn.workers", "uvicorn_worker")

# By the name of uvicorn's argument: kirin's setting, and what makes its value of uvicorn's.
SETTINGS = {
    "loop": ("asgi_loop", str),
    "lifespan": ("asgi_lifespan", str),
    "root_path": ("root_path", str),
    "ws_max_size": ("ws_max_size", int),
    "ws_ping_interval": ("ws_ping_interval", lambda value: int(value or 0)),
    "ws_ping_timeout": ("ws_ping_timeout", lambda value: int(value or 0)),
    "ws_per_message_deflate": ("ws_per_message_deflate", lambda value: "on" if value else "off"),
    "forwarded_allow_ips": ("forwarded_allow_ips", lambda value: value if isinstance(value, str) else ",".join(value)),
    "limit_max_requests": ("max_requests", lambda value: int(value or 0)),
    "timeout_keep_alive": ("keepalive", int),
    "timeout_graceful_shutdown": ("graceful_timeout", int),
    "backlog": ("backlog", int),
}

# What changes nothing with these values, since it is so here.
SAME = {"http": ("auto", "h11", "httptools"), "ws": ("auto", "websockets", "wsproto", "websockets-sansio"),
        "interface": ("auto", "asgi2", "asgi3"), "log_config": (None,), "proxy_headers": (True,), "app": (None,),
        "server_header": (False,), "factory": (False,)}


class StandIns:
    """Finds uvicorn's modules for Gunicorn, with classes that are nothing but a name."""

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name in MODULES else None

    def create_module(self, spec):
        module = ModuleType(spec.name)
        for name in CLASSES:
            setattr(module, name, type(name, (), {"__module__": spec.name, "CONFIG_KWARGS": {}}))
        return module

    def exec_module(self, module):
        """It is whole."""


class Package:
    """A ``uvicorn`` for where there is none."""

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self, is_package=True) if name == "uvicorn" else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        """There is nothing in it."""


def read(name):
    """({setting: value}, [what is to be said]); no settings for what is no class of that kind."""
    sys.meta_path.insert(0, StandIns())
    sys.meta_path.append(Package())
    module, _, attribute = name.rpartition(".")
    __import__(module)
    found = getattr(sys.modules[module], attribute, None)
    if not isinstance(found, type):
        return {}, []
    bases = [base for base in found.__mro__ if base.__module__ in MODULES and base.__name__ in CLASSES]
    if not bases:
        return {}, []
    settings, vain = translate(getattr(found, "CONFIG_KWARGS", None) or {})
    settings["worker_class"] = "asgi"
    said = []
    if vain:
        said.append("the CONFIG_KWARGS of %s have %s, for which there is no setting: docs/asgi.md says what is there "
                    "instead" % (name, ", ".join(vain)))
    own = methods(found, bases[0])
    if own:
        said.append("nobody calls %s of %s: kirin's own class asgi serves in its place" % (", ".join(own), name))
    return settings, said


def translate(kwargs):
    """The settings for arguments of uvicorn's, and the names of those that have none."""
    settings, vain = {}, []
    for name, value in kwargs.items():
        if name in SETTINGS:
            setting, convert = SETTINGS[name]
            if value is not None or name.startswith("ws_"):
                settings[setting] = convert(value)
        elif name not in SAME or value not in SAME[name]:
            vain.append(name)
    return settings, sorted(vain)


def methods(found, base):
    """What the classes below uvicorn's define themselves."""
    return sorted({name for own in found.__mro__[:found.__mro__.index(base)] for name, value in vars(own).items()
                   if callable(value) or isinstance(value, (classmethod, staticmethod))})
