"""``--paste``: the application of a PasteDeploy file, as Gunicorn loads it."""

import os

from .errors import LoadError
from .trace import format_error, last_line


def load(source, pairs):
    """The application of FILE or FILE#NAME; ``pairs`` are NAME=VALUE of its global configuration."""
    try:
        from paste.deploy import loadapp
    except ImportError:
        raise LoadError("--paste needs the package PasteDeploy, which is not installed here: pip install PasteDeploy")
    path, _, name = source.partition("#")
    settings = dict(pair.partition("=")[::2] for pair in pairs)
    try:
        return loadapp("config:" + os.path.abspath(path), name=name or "main", relative_to=os.getcwd(),
                       global_conf=settings)
    except BaseException as error:
        raise LoadError("%s: %s" % (source, last_line(error)), format_error(error))
