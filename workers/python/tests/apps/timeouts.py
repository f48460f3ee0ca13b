"""Sets what many applications set for their clients' sake."""

import socket

from pep import app

socket.setdefaulttimeout(0.1)

__all__ = ["app"]
