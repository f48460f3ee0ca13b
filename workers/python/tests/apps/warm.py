"""An application that knows where it was imported, and can hang so that no thread of its process runs."""

import ctypes
import os
import time

BIRTHPLACE = os.getpid()


def app(environ, start_response):
    """/who: the process that imported this, and the one that serves; /hang?SECONDS sleeps, /stuck keeps the GIL."""
    path = environ["PATH_INFO"]
    if path == "/hang":
        time.sleep(float(environ["QUERY_STRING"]))
    elif path == "/stuck":
        ctypes.PyDLL(None).sleep(60)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d %d" % (BIRTHPLACE, os.getpid())]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("none")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d %d" % (BIRTHPLACE, os.getpid())})
