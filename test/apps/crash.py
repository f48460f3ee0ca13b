"""Ends its own process in the way that the path names; every other path answers."""

import ctypes
import os
import signal
import sys

import sidelog


def app(environ, start_response):
    way = environ["PATH_INFO"].strip("/")
    sidelog.note("begin", environ["REQUEST_METHOD"], environ.get("HTTP_X_REQUEST_ID", "-"), os.getpid())
    if way.startswith("once/"):  # die the first time this name is asked for, in whichever process
        try:
            os.close(os.open(os.environ["ONCE"] + way[5:], os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            pass
    if way == "exit":
        os._exit(7)
    if way == "sys-exit":
        sys.exit(5)
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "segv":
        ctypes.string_at(0)
    headers = [("Content-Type", "text/plain"), ("X-Worker", str(os.getpid()))]
    if way == "in-stream":
        start_response("200 OK", headers)
        return in_stream()
    if way == "in-stream-with-length":
        start_response("200 OK", headers + [("Content-Length", "1000000")])
        return in_stream()
    start_response("200 OK", headers)
    return [b"alive\n"]


def in_stream():
    for _ in range(4):
        yield b"x" * 1000
    os.kill(os.getpid(), signal.SIGKILL)
