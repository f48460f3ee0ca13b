"""What applications leave behind on a green thread; a path each."""

import contextvars
import threading
import time

from greenlet import getcurrent

VAR = contextvars.ContextVar("var", default="nothing")
LOCAL = threading.local()
KEPT = []
LOG = []


def local(query):
    before = getattr(LOCAL, "value", None)
    LOCAL.value = query
    return before


def var(query):
    before = VAR.get()
    VAR.set(query)
    return before


def attribute(query):
    before = getattr(getcurrent(), "mine", None)
    getcurrent().mine = query
    return before


def keep(query):
    before = getcurrent() in KEPT
    KEPT.append(getcurrent())
    return before


def link(query):
    getcurrent().link(lambda *args: LOG.append("ended"))


def late(query):
    """Has an exception come when this request has long been over."""
    if "gevent" in query:
        from gevent import Timeout
        Timeout(0.05).start()
    else:
        from eventlet import Timeout
        Timeout(0.05)


def sleep(query):
    before = VAR.get()
    VAR.set(query)
    time.sleep(float(query))
    return "%s %s" % (before, VAR.get())


def log(query):
    found, LOG[:] = " ".join(LOG), []
    return found


def app(environ, start_response):
    answer = str(globals()[environ["PATH_INFO"].strip("/")](environ["QUERY_STRING"])).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
