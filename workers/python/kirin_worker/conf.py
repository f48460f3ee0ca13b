"""``conf``: runs a gunicorn.conf.py in the application's interpreter and prints what it left, as JSON.

Which of the names is a setting is for the caller to know. One object is printed:

    settings   {name: value}   globals with a form in JSON; tuples and sets as lists, paths as strings
    hooks      [name, ...]     callables that are named as one of Gunicorn's hooks
    callables  {name: dotted}  other functions and classes
    not_json   {name: type}    what is none of these
    access_log bool            whether it has put a filter or a handler on gunicorn.access, or uvicorn.access
    patched    {name: text}    what it has replaced in the gunicorn module, with the text that it is now, or ""
    environ    {name: value}   what it has set in the environment, which Gunicorn's workers would inherit
    told       [line, ...]     of class:MODULE.NAME, a worker class: what it has to no effect
    error      str             instead of all that: what the file raised, and where
    traceback  str
"""

import json
import os
import sys
from types import ModuleType

from .trace import application_part, format_error, last_line

HOOKS = frozenset((
    "on_starting", "on_reload", "when_ready", "pre_fork", "post_fork", "post_worker_init", "worker_int",
    "worker_abort", "pre_exec", "pre_request", "post_request", "child_exit", "worker_exit",
    "nworkers_changed", "on_exit", "ssl_context", "on_dirty_starting", "dirty_post_fork",
    "dirty_worker_init", "dirty_worker_exit",
))


def main(arguments):
    """Prints the JSON object for one file or python:MODULE. What the file itself prints goes to stderr."""
    if len(arguments) != 1:
        sys.stderr.write("kirin_worker conf: one FILE or python:MODULE is wanted\n")
        return 2
    output = os.dup(1)
    os.dup2(2, 1)
    result = read(arguments[0])
    sys.stdout.flush()
    with open(output, "wb") as file:
        file.write(json.dumps(result).encode("ascii") + b"\n")
    return 0


def read(source):
    """The object for ``source``."""
    here = os.getcwd()
    sys.path[:] = [here] + [path for path in sys.path if path != here]
    sys.argv = ["kirin"]
    from .shim import install
    from .patches import patched
    from .verdict import touched
    install()
    before = dict(os.environ)
    try:
        if source.startswith("class:"):
            return of_class(source[len("class:"):])
        found = describe(run(source))
        found["access_log"] = touched()
        found["patched"] = patched()
        found["environ"] = {name: value for name, value in os.environ.items() if before.get(name) != value}
        return found
    except BaseException as error:
        told = application_part(error.__traceback__) or isinstance(error, SyntaxError)
        return {"error": explain(error, source), "traceback": format_error(error) if told else ""}


def of_class(name):
    """The same for a worker class, whose settings are its CONFIG_KWARGS."""
    from .own_class import read as read_class
    settings, told = read_class(name)
    return {"settings": plain(settings), "told": told}


def run(source):
    """The globals that are left after the file was run, as the module ``__config__``, or MODULE imported."""
    if source.startswith("python:"):
        name = source[len("python:"):]
        __import__(name)
        return dict(vars(sys.modules[name]))
    with open(source, "rb") as file:
        code = compile(file.read(), source, "exec", 0, True)
    module = ModuleType("__config__")
    module.__file__ = source
    sys.modules["__config__"] = module
    exec(code, module.__dict__)
    return dict(vars(module))


def explain(error, source):
    """The error in one line, with the place in the file."""
    if isinstance(error, OSError) and error.filename == source:
        return "cannot read %s: %s" % (source, error.strerror)
    line = None
    if isinstance(error, SyntaxError) and error.filename == source:
        line = error.lineno
    tb = error.__traceback__
    while tb is not None:
        if tb.tb_frame.f_code.co_filename == source:
            line = tb.tb_lineno
        tb = tb.tb_next
    place = " (%s line %d)" % (os.path.basename(source), line) if line else ""
    return last_line(error) + place


def describe(names):
    """Sorts the globals into the kinds above."""
    result = {"settings": {}, "hooks": [], "callables": {}, "not_json": {}}
    for name, value in names.items():
        if name.startswith("_") or isinstance(value, ModuleType):
            continue
        if callable(value) and name in HOOKS:
            result["hooks"].append(name)
        elif callable(value):
            result["callables"][name] = dotted(value)
        else:
            try:
                result["settings"][name] = plain(value)
            except (TypeError, ValueError, RecursionError):
                result["not_json"][name] = type(value).__name__
    return result


def dotted(value):
    """module.name of a function or class, or of an object's class."""
    if not hasattr(value, "__qualname__"):
        value = type(value)
    return "%s.%s" % (value.__module__, value.__qualname__)


def plain(value):
    """``value`` in the types that JSON has; TypeError or ValueError when it has no such form."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(value)
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, dict):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, os.PathLike):
        return plain(os.fspath(value))
    raise TypeError(type(value).__name__)


def _key(key):
    if not isinstance(key, str):
        raise TypeError("a key is %s" % type(key).__name__)
    return str.__str__(key)
