"""What an application says to Python's ``logging`` of the access log that the front writes.

People filter health probes on the logger gunicorn.access, or uvicorn.access, give it a level, or handlers of their
own. So before a request ends these loggers are asked, as Gunicorn would, with a record that has Gunicorn's message and
atoms, or uvicorn's arguments. When the record does not come to the handler that stands for the front, the front is
told to write no line. Where nobody has touched the loggers, that costs some comparisons; where nobody has imported
``logging``, one.
"""

import sys
from time import monotonic

from .wire import STATUS

INFO = 20
PLACE = "kirin_worker/verdict.py"      # of records
UVICORN = '%s - "%s %s HTTP/%s" %d'


class Judge:
    """Asked at the end of each request."""

    def __init__(self, options, log):
        self.options = options
        self.log = log
        self.watched = []           # Watched, once logging is set up
        self.told = False

    def adopt(self, logger):
        """Python's logging has been set up, with Gunicorn's Logger."""
        import logging
        from .glogging import FrontHandler
        self.logger = logger
        self.manager = logging.root.manager
        access = logger.access_log
        front = next((handler for handler in access.handlers if isinstance(handler, FrontHandler)), None)
        if front is None:           # a logger_class of its own ways
            return
        self.watched = [Watched(access, front, access.level)]
        if self.options.kind in ("asgi", "auto"):
            other = logging.getLogger("uvicorn.access")
            other.addHandler(front)         # as uvicorn's workers for Gunicorn do it
            other.setLevel(INFO)
            other.propagate = False
            self.watched.append(Watched(other, front, INFO))

    def __call__(self, conn, ident, request, status, headers, sent, began):
        """Says whether the front is to write a line of the request, in a STATUS if it is not."""
        if not self.watched:
            return
        known = self.watched[:1] if "REQUEST_METHOD" in request else self.watched
        asked = [watched for watched in known if watched.touched(self.manager.disable)]
        if not asked:
            return
        try:
            if not self.wanted(asked, request, status, headers, sent, began):
                conn.send(STATUS, {"unlogged": [ident]})
        except Exception as error:
            self.log.exception("the access log: error in a filter or handler of Python's logging", error)

    def wanted(self, asked, request, status, headers, sent, began):
        """Whether all that were touched let it pass."""
        if self.manager.disable >= INFO:
            return False
        verdicts = []
        alone = len(asked) == 1
        for watched in asked:
            if watched.log.disabled:
                self.tell(watched.log.name)
            uvicorn = watched.log.name == "uvicorn.access"
            record = (self.uvicorns if uvicorn else self.gunicorns)(watched.log, request, status, headers, sent, began)
            verdicts.append(watched.passes(record, alone or uvicorn))
        return all(verdicts)

    def tell(self, name):
        """dictConfig disables every logger that it does not name, unless it is told not to: that was not meant."""
        if not self.told:
            self.told = True
            self.log.warning("the logger %s is disabled (disable_existing_loggers of a dictConfig?); the access log is "
                             "the front's and goes on: --access-log-exclude '/*' leaves all out" % name)

    def gunicorns(self, log, request, status, headers, sent, began):
        """The record of gunicorn.access."""
        from datetime import timedelta
        from .access import Request, Response, environ_of
        from .hook_requests import texts
        logger = self.logger
        environ = request if "REQUEST_METHOD" in request else environ_of(request)
        response = Response(status or "500", texts(headers or ()), sent)
        took = timedelta(seconds=max(0, monotonic() - began))
        atoms = logger.atoms_wrapper_class(logger.atoms(response, Request(environ), environ, took))
        return log.makeRecord(log.name, INFO, PLACE, 0, self.options.access_format, (atoms,), None, "access",
                              {"kirin": False})

    def uvicorns(self, log, request, status, headers, sent, began):
        """The record of uvicorn.access."""
        from .access import environ_of
        client = request.get("client")
        environ = environ_of(request)
        arguments = ("%s:%d" % tuple(client) if client else "", environ["REQUEST_METHOD"], environ["RAW_URI"],
                     request.get("http_version", "1.1"), int((status or "500")[:3]))
        return log.makeRecord(log.name, INFO, PLACE, 0, UVICORN, arguments, None, "send", {"kirin": False})


class Watched:
    """A logger that the front's lines are asked of."""

    def __init__(self, log, front, level):
        self.log = log
        self.front = front
        self.level = level

    def touched(self, disabled):
        """Whether anybody has changed what there was."""
        log, front = self.log, self.front
        return bool(log.filters or log.level != self.level or log.disabled or disabled >= INFO or len(log.handlers) != 1
                    or log.handlers[0] is not front or front.filters or front.level
                    or front.formatter is not front.own or log.propagate)

    def passes(self, record, calling):
        """Whether the record comes to the front's handler. The others are called if ``calling``."""
        log = self.log
        if log.getEffectiveLevel() > INFO:
            return False
        verdict = log.filter(record)
        if not verdict:
            return False
        if verdict is not True and hasattr(verdict, "levelno"):     # a filter may give another record (Python 3.12)
            record = verdict
        if not calling:
            return True
        log.callHandlers(record)
        return getattr(record, "kirin", True)


def load(text, access):
    """Puts the filters on gunicorn.access that a hook of the server has put there in its own process."""
    from base64 import b64decode
    from pickle import loads
    level, filters = loads(b64decode(text))
    if level is not None:
        access.setLevel(level)
    for one in filters:
        access.addFilter(one)


def present(logger):
    """The filters and the handlers that the loggers of the access log have in this process."""
    import logging
    access, other = logger.access_log, logging.getLogger("uvicorn.access")
    handlers = access.handlers + other.handlers
    return access.filters + other.filters + [one for handler in handlers for one in handler.filters], handlers


def save(logger, known):
    """(text, problem): what a hook has added to what was ``known``, for load(), and why that cannot be passed on."""
    from base64 import b64encode
    from pickle import dumps
    filters, handlers = ([one for one in now if one not in before] for now, before in zip(present(logger), known))
    level = logger.access_log.level if logger.access_log.level != INFO else None
    problem = "a handler is of one process" if handlers else ""
    if not filters and level is None:
        return "", problem
    try:
        return b64encode(dumps((level, filters), 2)).decode("ascii"), problem
    except Exception as error:
        return "", str(error)


def touched():
    """Whether a configuration file has put a filter or a handler on one of the loggers, before there was a Logger."""
    logging = sys.modules.get("logging")
    if logging is None:
        return False
    known = logging.root.manager.loggerDict
    return any(getattr(known.get(name), "filters", None) or getattr(known.get(name), "handlers", None)
               for name in ("gunicorn.access", "uvicorn.access"))
