"""Takes its time: /MILLISECONDS before the answer, /stream/PIECES/MILLISECONDS between pieces of it."""

import os
import threading
import time

import sidelog


def app(environ, start_response):
    words = environ["PATH_INFO"].strip("/").split("/")
    sidelog.note("begin", environ["PATH_INFO"], os.getpid(), threading.get_ident())
    headers = [("Content-Type", "text/plain"), ("X-Worker", str(os.getpid()))]
    if words[0] == "stream":
        start_response("200 OK", headers)
        return stream(int(words[1]), int(words[2]))
    time.sleep(int(words[0] or 0) / 1000)
    sidelog.note("end", environ["PATH_INFO"], os.getpid())
    start_response("200 OK", headers)
    return [b"done\n"]


def stream(count, delay):
    try:
        for i in range(count):
            yield b"piece %d\n" % i
            time.sleep(delay / 1000)
    finally:
        sidelog.note("stream-closed", os.getpid())
