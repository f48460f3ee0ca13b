"""Writes to every place that an application writes to."""

import logging
import sys
import warnings

print("printed at import")


def app(environ, start_response):
    print("printed to standard output")
    print("printed to standard error", file=sys.stderr)
    environ["wsgi.errors"].write("written to wsgi.errors\n")
    environ["wsgi.errors"].flush()
    logging.getLogger("shop").warning("logged as a warning")
    warnings.warn("warned")
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]
