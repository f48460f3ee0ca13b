"""``gunicorn.dirty.stash``: tables that all workers share, dirty or not. They live in the arbiter, and end with it."""

from fnmatch import fnmatchcase

from .dirty_client import Connector, Deadline, get_dirty_socket_path, result, set_dirty_socket_path
from .dirty_errors import DirtyError, StashError, StashKeyNotFoundError, StashTableNotFoundError
from .dirty_wire import STASH, pack

__all__ = ["StashClient", "StashTable", "StashError", "StashKeyNotFoundError", "StashTableNotFoundError"]


class StashClient(Connector):
    """The tables."""

    def _ask(self, operation, *arguments):
        deadline = Deadline(self.timeout, "stash." + operation)
        sock = self.begin(pack(STASH, (operation, arguments)), deadline)
        try:
            return result(*self.answer(sock, deadline))
        finally:
            sock.close()

    def put(self, table, key, value):
        """Stores a value; makes the table if need be."""
        self._ask("put", table, key, value)

    def get(self, table, key, default=None):
        """The value of a key, or ``default``."""
        found = self._ask("get", table, key)
        return found[0] if found else default

    def delete(self, table, key):
        """Whether the key was there."""
        return self._ask("delete", table, key)

    def keys(self, table, pattern=None):
        """The keys, those that match a pattern as of fnmatch."""
        return self._ask("keys", table, pattern)

    def clear(self, table):
        """Drops every key of a table."""
        self._ask("clear", table)

    def info(self, table):
        """{"table": name, "size": number of keys}; StashTableNotFoundError."""
        return self._ask("info", table)

    def ensure(self, table):
        """Makes a table if there is none."""
        self._ask("ensure", table)

    def exists(self, table, key=None):
        """Whether there is such a table, or such a key in it."""
        return self._ask("exists", table, key)

    def delete_table(self, table):
        """Drops a table."""
        return self._ask("delete_table", table)

    def tables(self):
        """The names of all tables."""
        return self._ask("tables")

    def table(self, name):
        """A table as a dict."""
        return StashTable(self, name)

    def close(self):
        """Nothing is kept open."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class StashTable:
    """A table as a dict."""

    def __init__(self, client, name):
        self._client = client
        self.name = name

    def __getitem__(self, key):
        found = self._client._ask("get", self.name, key)
        if not found:
            raise StashKeyNotFoundError(self.name, key)
        return found[0]

    def __setitem__(self, key, value):
        self._client.put(self.name, key, value)

    def __delitem__(self, key):
        if not self._client.delete(self.name, key):
            raise StashKeyNotFoundError(self.name, key)

    def __contains__(self, key):
        return self._client.exists(self.name, key)

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    def get(self, key, default=None):
        return self._client.get(self.name, key, default)

    def keys(self, pattern=None):
        return self._client.keys(self.name, pattern)

    def clear(self):
        self._client.clear(self.name)

    def items(self):
        """Pairs, each value asked for when its turn comes."""
        for key in self:
            found = self._client._ask("get", self.name, key)
            if found:
                yield key, found[0]

    def values(self):
        for _, value in self.items():
            yield value


class Tables:
    """The arbiter's side."""

    OPERATIONS = ("put", "get", "delete", "keys", "clear", "info", "ensure", "exists", "delete_table", "tables")

    def __init__(self):
        self.all = {}

    def perform(self, operation, arguments):
        """The answer; a DirtyError is one as well."""
        if operation not in self.OPERATIONS:
            raise DirtyError("Unknown stash operation: %s" % operation)
        return getattr(self, operation)(*arguments)

    def put(self, table, key, value):
        self.all.setdefault(table, {})[key] = value
        return True

    def get(self, table, key):
        found = self.all.get(table, {})
        return [found[key]] if key in found else []

    def delete(self, table, key):
        return self.all.get(table, {}).pop(key, self) is not self

    def keys(self, table, pattern):
        return [key for key in self.all.get(table, ()) if not pattern or fnmatchcase(str(key), pattern)]

    def clear(self, table):
        self.all.get(table, {}).clear()
        return True

    def info(self, table):
        if table not in self.all:
            raise StashTableNotFoundError(table)
        return {"size": len(self.all[table]), "table": table}

    def ensure(self, table):
        self.all.setdefault(table, {})
        return True

    def exists(self, table, key):
        return table in self.all and (key is None or key in self.all[table])

    def delete_table(self, table):
        return self.all.pop(table, None) is not None

    def tables(self):
        return list(self.all)


def _client():
    return StashClient(get_dirty_socket_path())


def _function(name):
    def function(*args, **kwargs):
        return getattr(_client(), name)(*args, **kwargs)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = getattr(StashClient, name).__doc__
    return function


put, get, delete, keys, clear, info, ensure, exists, delete_table, tables, table = map(_function, (
    "put", "get", "delete", "keys", "clear", "info", "ensure", "exists", "delete_table", "tables", "table"))

set_stash_socket_path, get_stash_socket_path = set_dirty_socket_path, get_dirty_socket_path
