"""What a load generator asks: echoes the request's id, digests the body, and leaves a trace of what it executed.

?ms=N makes a request take that long, ?gate=PATH until there is such a file. The answer carries VERSION, so that a
test can see which code gave it.
"""

import hashlib
import os
import time
from urllib.parse import parse_qs

import sidelog

try:
    from version import VERSION
except ImportError:
    VERSION = "1"


def app(environ, start_response):
    ident = environ.get("HTTP_X_REQUEST_ID", "-")
    sidelog.note("begin", environ["REQUEST_METHOD"], ident, os.getpid())
    body = environ["wsgi.input"].read()
    query = parse_qs(environ["QUERY_STRING"])
    if "ms" in query:
        time.sleep(int(query["ms"][0]) / 1000)
    while "gate" in query and not os.path.exists(query["gate"][0]):
        time.sleep(0.005)
    answer = "%s %s %d %s\n" % (environ["REQUEST_METHOD"], ident, len(body), hashlib.sha256(body).hexdigest())
    sidelog.note("end", environ["REQUEST_METHOD"], ident, os.getpid())
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer))),
                              ("X-Request-Id", ident), ("X-Worker", str(os.getpid())), ("X-Version", VERSION)])
    return [answer.encode()]
