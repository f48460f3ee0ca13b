"""Tells its own pid and user, and what it can do to other processes: /PID/PID... ."""

import ctypes
import json
import os

PTRACE_ATTACH, PTRACE_DETACH = 16, 17


def attempt(do):
    try:
        return "done: %.20r" % (do(),)
    except OSError as error:
        return os.strerror(error.errno)


def read(path):
    with open(path, "rb") as file:
        return file.read(1)


def attach(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_ATTACH, pid, None, None) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(pid, 0x40000000)     # __WALL
    libc.ptrace(PTRACE_DETACH, pid, None, None)


def connect(path):
    import socket
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def app(environ, start_response):
    told = {"uid": os.getuid()}
    for pid in environ["PATH_INFO"].split("/")[1:]:
        proc = "/proc/%s/" % pid
        told[pid] = {
            "mem": attempt(lambda: open(proc + "mem", "rb").close()),
            "environ": attempt(lambda: read(proc + "environ")),
            "maps": attempt(lambda: read(proc + "maps")),
            "fd": attempt(lambda: os.listdir(proc + "fd")),
            "ptrace": attempt(lambda: attach(int(pid))),
        }
    if environ["QUERY_STRING"]:
        told["connect"] = attempt(lambda: connect(environ["QUERY_STRING"]))
    start_response("200 OK", [])
    return [json.dumps(told).encode()]
