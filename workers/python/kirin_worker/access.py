"""The access log by Python's loggers: the front's requests as a logger_class knows them."""

from datetime import timedelta
from time import monotonic


class Response:
    """Gunicorn's response, after the fact."""

    def __init__(self, status, headers, sent):
        self.status = status
        self.status_code = int(status[:3]) if status[:3].isdigit() else None
        self.headers = headers
        self.sent = sent


class Request:
    """Gunicorn's request, of its environ."""

    def __init__(self, environ):
        self.method = environ.get("REQUEST_METHOD")
        self.uri = environ.get("RAW_URI")
        self.path = environ.get("PATH_INFO")
        self.query = environ.get("QUERY_STRING")
        self.headers = [(name[5:].replace("_", "-"), value) for name, value in environ.items()
                        if name.startswith("HTTP_") and isinstance(value, str)]
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if environ.get(name):
                self.headers.append((name.replace("_", "-"), environ[name]))


def recorder(logger, exclude=()):
    """What is called with the environ or the scope, status, headers, bytes sent and begin of each exchange.

    ``exclude`` are the rules of access_log_exclude.
    """
    drops = None
    if exclude:
        from .exclude import compiled
        drops = compiled(exclude)

    def record(request, status, headers, sent, began):
        environ = request if "REQUEST_METHOD" in request else environ_of(request)
        if drops is not None and drops(path_of(environ), (status or "500")[:3], environ.get("HTTP_USER_AGENT", "")):
            return
        took = timedelta(seconds=max(0, monotonic() - began))
        response = Response(status or "500", headers or [], sent)
        try:
            logger.access(response, Request(environ), environ, took)
        except Exception as error:
            logger.error("the access log: %s: %s", type(error).__name__, error)

    return record


def path_of(environ):
    """The decoded path of the target, whatever SCRIPT_NAME is."""
    from urllib.parse import unquote_to_bytes
    path = environ.get("RAW_URI", "").partition("?")[0]
    return unquote_to_bytes(path.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


def environ_of(scope):
    """The part of an environ that the access log may ask for, of an ASGI scope."""
    client = scope.get("client") or ("",)
    path = scope.get("raw_path") or scope.get("path", "").encode("utf-8")
    query = scope.get("query_string", b"")
    environ = {
        "REQUEST_METHOD": scope.get("method", "GET"), "SERVER_PROTOCOL": "HTTP/" + scope.get("http_version", "1.1"),
        "RAW_URI": (path + b"?" + query if query else path).decode("latin-1"), "PATH_INFO": scope.get("path", ""),
        "QUERY_STRING": query.decode("latin-1"), "REMOTE_ADDR": client[0],
    }
    for name, value in scope.get("headers", ()):
        key = name.decode("latin-1").upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key] = value.decode("latin-1")
    return environ
