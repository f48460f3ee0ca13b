"""What the worker adds to the scope that a front sends, and how a scope is told in the log."""

VERSIONS = {"version": "3.0", "spec_version": "2.5"}
LIFESPAN_VERSIONS = {"version": "3.0", "spec_version": "2.0"}
EXTENSIONS = {
    "http.response.early_hint": {},
    "http.response.pathsend": {},
    "http.response.trailers": {},
}
WEBSOCKET_EXTENSIONS = {"websocket.http.response": {}}


def complete(scope, state):
    """The scope as the specification has it. ``state`` is that of the lifespan, None when there is none."""
    scope["asgi"] = VERSIONS.copy()
    if scope["type"] == "http":
        scope["extensions"] = EXTENSIONS.copy()
    else:
        scope["extensions"] = WEBSOCKET_EXTENSIONS.copy()
    tls = scope.pop("kirin.tls", None)
    if tls is not None:
        scope["extensions"]["tls"] = tls
    if state is not None:
        scope["state"] = state.copy()
    return scope


def request_line(scope):
    """Method and target, for the log."""
    target = scope["raw_path"]
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    return "%s %s" % (scope.get("method", "WEBSOCKET"), target.decode("ascii", "backslashreplace"))
