"""The example that the package brings: "systemctl enable --now kirin@hello.socket" serves it."""

import os


def app(environ, start_response):
    text = "%s from kirin\n" % os.environ.get("GREETING", "Hello")
    body = text.encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
