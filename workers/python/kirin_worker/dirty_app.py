"""``gunicorn.dirty.app``: the base class of dirty applications, and how they are loaded."""

from .app import load
from .dirty_errors import DirtyAppError, DirtyAppNotFoundError
from .errors import LoadError

METHODS = ("init", "__call__", "close")


class DirtyApp:
    """An application that lives in dirty workers, one object in each, and keeps its state from call to call."""

    workers = None      # how many workers are to have it; None: all
    stashes = ()        # tables of the stash that it wants to be there

    def init(self):
        """Called once, in the worker, before the first call."""

    def __call__(self, action, *args, **kwargs):
        """One call; ``action`` is the name of a method that does not begin with an underscore."""
        method = None if action.startswith("_") else getattr(self, action, None)
        if method is None:
            raise ValueError("Unknown action: %s" % action)
        return method(*args, **kwargs)

    def close(self):
        """Called when the worker ends."""


def find(path):
    """The class that MODULE:CLASS names; LoadError says what is wrong."""
    if not path.partition(":")[2]:
        raise LoadError("%r is not MODULE:CLASS" % path)
    found = load(path)
    if not isinstance(found, type):
        raise LoadError("the dirty application %s is not a class" % path)
    for name in METHODS:
        if not callable(getattr(found, name, None)):
            raise LoadError("the dirty application %s has no method %s: derive it from gunicorn.dirty.DirtyApp"
                            % (path, name))
    return found


def load_dirty_app(import_path):
    """An object of the application, as Gunicorn's function of this name makes it."""
    try:
        found = find(import_path)
    except LoadError as error:
        if isinstance(error.__context__, (ImportError, AttributeError)):
            raise DirtyAppNotFoundError(import_path) from error
        raise DirtyAppError(str(error), app_path=import_path) from error
    try:
        return found()
    except Exception as error:
        raise DirtyAppError("Failed to instantiate %s: %s" % (import_path, error), app_path=import_path) from error


def load_dirty_apps(import_paths):
    """An object of each, by path."""
    return {path: load_dirty_app(path) for path in import_paths}
