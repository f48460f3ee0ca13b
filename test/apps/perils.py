"""load:app, but for the requests whose path names a peril for their worker."""

import subprocess
import threading

import sidelog
from hang import sleep_for_ever
from load import app as load

hoard = []


def leak():
    while True:
        hoard.append(b"x" * (1 << 20))


def threads():
    """Start threads that never end, until no more can be had."""
    try:
        while True:
            threading.Thread(target=sleep_for_ever, daemon=True).start()
    except RuntimeError as error:
        return str(error)


def children():
    """Start processes that outlive the request, until no more can be had."""
    try:
        while True:
            hoard.append(subprocess.Popen(["/bin/sleep", "3600"]))
    except OSError as error:
        return str(error)


PERILS = {"hang": sleep_for_ever, "leak": leak, "threads": threads, "children": children}


def app(environ, start_response):
    peril = PERILS.get(environ["PATH_INFO"].strip("/"))
    if peril is None:
        return load(environ, start_response)
    sidelog.note("peril", peril.__name__)
    text = peril()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
