"""Leaves a process behind with each request, whose parent has ended: it belongs to process 1."""

import subprocess


def app(environ, start_response):
    subprocess.run(["/bin/sh", "-c", "exec 0<&- 1>&- 2>&-; sleep 600 & exit 0"], check=True)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\n"]
