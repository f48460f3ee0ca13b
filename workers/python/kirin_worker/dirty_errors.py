"""``gunicorn.dirty.errors``: what a call of a dirty application can raise, by Gunicorn's names and attributes."""


class DirtyError(Exception):
    """The base of all. ``details`` are in the text as well."""

    fields = ()     # attributes that are kept in details

    def __init__(self, message, details=None):
        Exception.__init__(self, message)
        self.message = message
        self.details = details or {}

    def __str__(self):
        return "%s: %s" % (self.message, self.details) if self.details else self.message

    def _keep(self, **values):
        for name, value in values.items():
            setattr(self, name, value)
            if value is not None:
                self.details[name] = value

    def to_dict(self):
        """What travels in place of the error."""
        return {"error_type": type(self).__name__, "message": self.message, "details": self.details}

    @classmethod
    def from_dict(cls, data):
        """The error that to_dict has described, of its own class."""
        kind = _named(data.get("error_type"), DirtyError) or DirtyError
        error = kind.__new__(kind)
        DirtyError.__init__(error, data.get("message", "Unknown error"), data.get("details"))
        for name in kind.fields:
            setattr(error, name, error.details.get(name))
        return error


def _named(name, kind):
    if kind.__name__ == name:
        return kind
    return next(filter(None, (_named(name, child) for child in kind.__subclasses__())), None)


class DirtyTimeoutError(DirtyError):
    """It took too long, for who has called or for dirty_timeout."""

    fields = ("timeout",)

    def __init__(self, message="Operation timed out", timeout=None):
        DirtyError.__init__(self, message)
        self._keep(timeout=timeout or None)


class DirtyConnectionError(DirtyError):
    """The arbiter cannot be reached, or has gone."""

    fields = ("socket_path",)

    def __init__(self, message="Connection failed", socket_path=None):
        DirtyError.__init__(self, message)
        self._keep(socket_path=socket_path or None)


class DirtyWorkerError(DirtyError):
    """The dirty worker has failed, not the application."""

    fields = ("worker_id", "traceback")

    def __init__(self, message, worker_id=None, traceback=None):
        DirtyError.__init__(self, message)
        self._keep(worker_id=worker_id, traceback=traceback or None)


class DirtyAppError(DirtyError):
    """The application has raised something."""

    fields = ("app_path", "action", "traceback")

    def __init__(self, message, app_path=None, action=None, traceback=None):
        DirtyError.__init__(self, message)
        self._keep(app_path=app_path or None, action=action or None, traceback=traceback or None)


class DirtyAppNotFoundError(DirtyAppError):
    """No dirty application has that name."""

    def __init__(self, app_path):
        DirtyAppError.__init__(self, "Dirty app not found: %s" % app_path, app_path)


class DirtyNoWorkersAvailableError(DirtyError):
    """Every dirty worker that should have the application is down, and does not come up."""

    fields = ("app_path",)

    def __init__(self, app_path, message=None):
        DirtyError.__init__(self, message or "No workers available for app: %s" % app_path)
        self._keep(app_path=app_path)


class DirtyProtocolError(DirtyError):
    """What was to be sent cannot be, or what came cannot be read."""

    fields = ("raw_data",)

    def __init__(self, message="Protocol error", raw_data=None):
        DirtyError.__init__(self, message)
        if isinstance(raw_data, bytes):
            raw_data = raw_data[:100].hex()
        self._keep(raw_data=None if raw_data is None else str(raw_data)[:200])


class StashError(DirtyError):
    """The base of the stash's own."""


class StashTableNotFoundError(StashError):
    """There is no such table."""

    fields = ("table_name",)

    def __init__(self, table_name):
        StashError.__init__(self, "Stash table not found: %s" % table_name)
        self._keep(table_name=table_name)


class StashKeyNotFoundError(StashError, KeyError):
    """The table has no such key."""

    fields = ("table_name", "key")

    def __init__(self, table_name, key):
        StashError.__init__(self, "Key not found in %s: %s" % (table_name, key))
        self._keep(table_name=table_name, key=key)
