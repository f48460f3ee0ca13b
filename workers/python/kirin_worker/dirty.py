"""``gunicorn.dirty``: what applications import of it."""

from .dirty_app import DirtyApp
from .dirty_client import (DirtyClient, close_dirty_client, close_dirty_client_async, get_dirty_client,
                           get_dirty_client_async, set_dirty_socket_path)
from .dirty_errors import (DirtyAppError, DirtyAppNotFoundError, DirtyConnectionError, DirtyError,
                           DirtyNoWorkersAvailableError, DirtyProtocolError, DirtyTimeoutError, DirtyWorkerError)
from .dirty_stash import StashClient, StashError, StashKeyNotFoundError, StashTable, StashTableNotFoundError

__all__ = [
    "DirtyApp", "DirtyClient", "close_dirty_client", "close_dirty_client_async", "get_dirty_client",
    "get_dirty_client_async", "set_dirty_socket_path", "DirtyAppError", "DirtyAppNotFoundError", "DirtyConnectionError",
    "DirtyError", "DirtyNoWorkersAvailableError", "DirtyProtocolError", "DirtyTimeoutError", "DirtyWorkerError",
    "StashClient", "StashError", "StashKeyNotFoundError", "StashTable", "StashTableNotFoundError", "DirtyArbiter",
]


class DirtyArbiter:
    """For modules of Gunicorn's own that import it: kirin's is a process of its own."""
