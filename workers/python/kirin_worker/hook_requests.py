"""pre_request and post_request: what they are called with, made only where there is such a hook."""

from . import access

KEY = "kirin.hooked"        # where the request of pre_request waits for post_request, in the environ or the scope


class Request(access.Request):
    """Gunicorn's request."""

    def __init__(self, environ):
        access.Request.__init__(self, environ)
        self.path, _, self.query = (self.uri or "").partition("?")
        self.fragment = ""
        self.scheme = environ.get("wsgi.url_scheme", "http")
        version = environ.get("SERVER_PROTOCOL", "")[5:].split(".")
        self.version = tuple(int(digit) for digit in version if digit.isdigit())
        port = environ.get("REMOTE_PORT", "")
        self.remote_addr = self.peer_addr = (environ.get("REMOTE_ADDR"), int(port) if port.isdigit() else 0)
        self.body = environ.get("wsgi.input")
        self.trailers = []
        self.proxy_protocol_info = None


class Response(access.Response):
    """Gunicorn's response, after the fact."""

    def __init__(self, req, status, headers, sent):
        access.Response.__init__(self, status, headers, sent)
        self.req = req
        self.headers_sent = True
        self.response_length = next((int(value) for name, value in headers
                                     if name.lower() == "content-length" and value.isdigit()), None)
        self.chunked = False


def request_of(found):
    """(Request, environ) of an environ or a scope."""
    if "REQUEST_METHOD" not in found:
        environ = access.environ_of(found)
        environ["wsgi.url_scheme"] = found.get("scheme", "http")
        environ["REMOTE_PORT"] = str((found.get("client") or ("", 0))[1])
    else:
        environ = found
    return Request(environ), environ


def before(hook, worker, app):
    """A WSGI application that calls ``hook`` first. An exception of it is one of the application's: 500."""
    def hooked(environ, start_response):
        req = environ[KEY] = Request(environ)
        hook(worker, req)
        return app(environ, start_response)
    return hooked


def before_asgi(hook, worker, app):
    """The same for ASGI 3."""
    async def hooked(scope, receive, send):
        if scope["type"] == "http":
            req, _ = request_of(scope)
            scope[KEY] = req
            hook(worker, req)
        await app(scope, receive, send)
    return hooked


def arity(hook):
    """How many arguments post_request takes: 2, 3 or 4, as Gunicorn has it."""
    from inspect import signature
    try:
        parameters = signature(hook).parameters.values()
    except (TypeError, ValueError):
        return 4
    if any(parameter.kind == parameter.VAR_POSITIONAL for parameter in parameters):
        return 4
    return max(2, min(4, len(parameters)))


def recorder(hook, worker, log):
    """What is called with the environ or scope, status, headers and size of each exchange that is over."""
    count = arity(hook)

    def record(found, status, headers, sent):
        req, environ = found.pop(KEY, None), found
        if req is None or "REQUEST_METHOD" not in found:
            made, environ = request_of(found)
            req = req or made
        resp = Response(req, status or "500 Internal Server Error", texts(headers or ()), sent)
        try:
            hook(*(worker, req, environ, resp)[:count])
        except BaseException as error:
            log.exception("error in the hook post_request", error)

    return record


def texts(headers):
    """Header fields as texts, whatever the interface."""
    return [(name.decode("latin-1"), value.decode("latin-1")) if isinstance(name, bytes) else (name, value)
            for name, value in headers]
