"""The environ as JSON; what is no string is named by its type."""

import json
import os
import sys


def plain(value):
    return value if isinstance(value, (str, bool, int, list, tuple)) else "<%s>" % type(value).__name__


def about_process():
    with open("/proc/self/status") as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    with open("/proc/self/cmdline") as f:
        cmdline = f.read()
    return {"uid": os.getuid(), "gid": os.getgid(), "groups": status["Groups"].split(), "umask": status["Umask"],
            "cwd": os.getcwd(), "env": dict(os.environ), "path": sys.path, "executable": sys.executable,
            "cmdline": cmdline, "comm": status["Name"], "argv": sys.argv, "implementation": sys.implementation.name,
            "pid": os.getpid(), "capabilities": status["CapEff"]}


def app(environ, start_response):
    if environ["PATH_INFO"] == "/process":
        answer = about_process()
    else:
        answer = {key: plain(value) for key, value in environ.items()}
    body = json.dumps(answer).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
