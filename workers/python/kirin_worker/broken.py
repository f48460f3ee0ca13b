"""What --reload serves in place of an application that cannot be loaded: the reason, until a file changes."""

import os
import sys

PAGE = """<!DOCTYPE html>
<html><head><title>%(title)s</title></head>
<body><h1>The application cannot be loaded</h1><pre>%(text)s</pre></body></html>
"""


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def application(error):
    """A WSGI application that says why there is no other."""
    text = escape(error.text())
    page = (PAGE % {"title": escape(str(error)), "text": text}).encode("utf-8", "backslashreplace")

    def broken(environ, start_response):
        start_response("500 Internal Server Error", [
            ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))])
        return [page]

    return broken


def asgi_application(error):
    """The same for ASGI."""
    answer = []
    body = b"".join(application(error)({}, lambda status, headers: answer.extend(headers)))
    headers = [(name.lower().encode(), value.encode()) for name, value in answer]

    async def broken(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 500, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return broken


def files(error, spec):
    """The files whose change may mend it: those of the traceback, or where the module would be."""
    found = set()
    cause = error.__context__
    while cause is not None:
        if isinstance(cause, SyntaxError) and cause.filename:
            found.add(cause.filename)
        tb = cause.__traceback__
        while tb is not None:
            found.add(tb.tb_frame.f_code.co_filename)
            tb = tb.tb_next
        cause = cause.__context__
    module = spec.partition(":")[0].replace(".", os.sep)
    for directory in sys.path[:1]:
        found.add(os.path.join(directory, module + ".py"))
        found.add(os.path.join(directory, module, "__init__.py"))
    return found
