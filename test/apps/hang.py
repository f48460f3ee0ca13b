"""Requests that never end, each in the way its path names; every other path answers at once.

/MILLISECONDS takes so long, /until?PATH until there is such a file.
"""

import ctypes
import hashlib
import os
import re
import threading
import time

import sidelog


def sleep_for_ever():
    while True:
        time.sleep(3600)


def wait_for_a_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def loop_in_python():
    while True:
        pass


def loop_without_the_gil():
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2 ** 31 - 1)


def loop_with_the_gil():
    """Backtrack for longer than anybody waits; the interpreter can switch to no other thread."""
    re.match(r"(a+)+$", "a" * 64 + "b")


def sleep_with_the_gil():
    ctypes.PyDLL(None).sleep(3600)


def stream_that_stalls():
    yield b"first piece\n"
    sleep_for_ever()


WAYS = {"sleep": sleep_for_ever, "lock": wait_for_a_lock, "python": loop_in_python, "released": loop_without_the_gil,
        "regex": loop_with_the_gil, "held": sleep_with_the_gil}


def app(environ, start_response):
    way = environ["PATH_INFO"].strip("/")
    sidelog.note("begin", way, os.getpid())
    if way in WAYS:
        WAYS[way]()
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Worker", str(os.getpid()))])
    if way == "stream":
        return stream_that_stalls()
    while way == "until" and not os.path.exists(environ["QUERY_STRING"]):
        time.sleep(0.005)
    if way.isdigit():
        time.sleep(int(way) / 1000)
    return [b"fine\n"]
