"""What a gunicorn.conf.py has replaced in the gunicorn module: Gunicorn would have used it from there."""

import sys

TEXTS = {"gunicorn": ("SERVER", "SERVER_SOFTWARE"), "gunicorn.http.wsgi": ("SERVER", "SERVER_SOFTWARE")}
# Class attributes that are no functions, with what they are.
FORMS = {"gunicorn.glogging.Logger": {
    "access_fmt": "%(message)s", "error_fmt": r"%(asctime)s [%(process)d] [%(levelname)s] %(message)s",
    "datefmt": r"[%Y-%m-%d %H:%M:%S %z]", "syslog_fmt": "[%(process)d] %(message)s"}}


def patched():
    """{dotted name: its text, or ""} of what is not as Gunicorn has it."""
    found = {}
    for name, module in list(sys.modules.items()):
        if module is not None and (name == "gunicorn" or name.startswith("gunicorn.")):
            for text in TEXTS.get(name, ()):
                value = getattr(module, text, None)
                if isinstance(value, str) and value != original(text):
                    found["%s.%s" % (name, text)] = value
            search(name, module, found)
    return found


def original(name):
    version = getattr(sys.modules["gunicorn"], "__version__", "")
    return "gunicorn" if name == "SERVER" else "gunicorn/" + version


def search(name, module, found):
    """Functions and classes of the file's own among what a module and its classes have."""
    for key, value in list(vars(module).items()):
        if foreign(value):
            found["%s.%s" % (name, key)] = ""
        elif isinstance(value, type) and value.__module__ in (name, "kirin_worker." + name.rpartition(".")[2]):
            path = "%s.%s" % (name, key)
            forms = FORMS.get(path, {})
            for attribute, member in list(vars(value).items()):
                if foreign(member) or attribute in forms and member != forms[attribute]:
                    found["%s.%s" % (path, attribute)] = ""


def foreign(value):
    """Whether the configuration file has made it."""
    value = getattr(value, "__func__", getattr(value, "fget", None) or value)
    return getattr(value, "__module__", None) == "__config__" and callable(value)
