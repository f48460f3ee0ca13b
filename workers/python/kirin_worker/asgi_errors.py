"""What an ASGI application meets when it breaks the protocol, or when its client has gone."""


class ASGIError(Exception):
    """The application broke the ASGI specification."""

    __module__ = "builtins"     # for a short name in the log


class ClientDisconnected(OSError):
    """send() after the client has gone (ASGI 3, spec_version 2.4)."""

    __module__ = "builtins"

    def __init__(self):
        OSError.__init__(self, "the client has disconnected")
