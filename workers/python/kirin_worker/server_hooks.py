"""``hooks FD``: the process that holds a gunicorn.conf.py and runs the hooks of the server itself.

A line of JSON from the front is an order, a line back the answer: {}, {"workers": N} when a hook has set
num_workers, {"access": TEXT} when one has put a filter on the access log, or {"error": ..., "trace": ..., "exit": ...}.

    {"do": "load", "conf": FILE, "settings": {...}, "log_level": N, "pid": P}      runs the file, anew for a reload
    {"do": "revert"}                                        the reload has failed: back to what was before
    {"do": "call", "hook": NAME, "workers": N, "pid": P, "age": A, "values": [...],
     "listening": [ADDRESS, ...]}

What a hook has started (a thread with an HTTP server for metrics, say) lives on until the server ends.
"""

import json
import os
import sys

from . import log as logs
from .conf import run
from .gconfig import Config, parse_address, warner
from .objects import HookLog, Server, listeners
from .pylog import NAMES as WORDS, alone
from .trace import format_error, last_line
from .verdict import present, save


class Host:
    """The hooks of one server."""

    def __init__(self):
        self.log = logs.Log()
        self.log.make = lambda: alone(self.log, self.server.cfg.accesslog)
        self.known = [], []         # filters and handlers of the access log that the file itself has put there
        self.names = {}
        self.server = None
        self.told = ""
        self.before = None          # (names, cfg) from before the last load

    def obey(self, order):
        """Carries an order out; gives the answer."""
        try:
            return getattr(self, order.pop("do"))(**order) or {}
        except BaseException as error:
            answer = {"error": last_line(error), "trace": format_error(error)}
            if isinstance(error, SystemExit):
                answer["exit"] = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
            return answer

    def load(self, conf, settings, log_level, pid=0):
        self.log.level = log_level
        names = run(conf)
        cfg = Config(settings, warner(self.log, "process of the server hooks"))
        for name, value in names.items():
            if not name.startswith("_") and (callable(value) or name == "logconfig_dict"):
                cfg.take(name, value)       # what has no form in JSON
        if self.server is None:
            self.server = Server(pid or os.getppid(), cfg, HookLog(self.log))
        elif self.log.made is not None:
            self.log.made.error_log.setLevel(self.log.made.LOG_LEVELS[WORDS[log_level]])
        self.before = self.names, self.server.cfg
        self.adopt(names, cfg)
        if "logging" in sys.modules:
            self.known = present(self.log.logger())
        try:
            self.server.app.chdir()     # where Gunicorn's master is, too
        except OSError as error:        # who runs the hooks may have no way there
            self.log.warning("the server hooks stay in %s: %s" % (os.getcwd(), error))

    def adopt(self, names, cfg):
        self.names = names
        self.server.adopt(cfg)

    def revert(self):
        self.adopt(*self.before)

    def call(self, hook, workers=0, pid=0, age=0, values=(), listening=()):
        """Calls a hook; gives what it asks for."""
        server = self.server
        server.wanted, server.asked = workers, None
        server.LISTENERS = listeners(map(parse_address, listening), server.cfg)
        arguments = [server]
        if hook in ("pre_fork", "child_exit"):
            arguments.append(self.worker(hook, pid, age))
        self.names[hook](*arguments, *values)
        answer = {} if server.asked in (None, workers) else {"workers": int(server.asked)}
        if "logging" in sys.modules:
            answer.update(self.access(hook))
        return answer

    def access(self, hook):
        """What a hook has done to Python's access log, for the workers: the loggers of this process log no requests."""
        text, problem = save(self.log.logger(), self.known)
        if problem and problem != self.told:
            self.told = problem
            self.log.warning("%s has changed the logger gunicorn.access as the workers cannot have it (%s): do so in "
                             "post_fork or at the top of the file, or use --access-log-exclude" % (hook, problem))
        return {"access": text} if text else {}

    def worker(self, hook, pid, age):
        """The worker that a hook is about."""
        known = self.server.WORKERS
        if hook == "pre_fork":
            self.server.worker_age = age
            return self.one("[booting]", age)
        return known.pop(pid, None) or self.one(pid, age)

    def one(self, pid, age):
        worker = self.server.worker_class(pid, age, self.server.cfg, self.server.log)
        worker.ppid = self.server.pid
        return worker

    def started(self, pid, age):
        self.server.WORKERS[pid] = self.one(pid, age)


def main(arguments):
    """Serves the descriptor until it ends; the process ends with it, whatever its threads do."""
    fd = int(arguments[0])
    os.set_inheritable(fd, False)
    here = os.getcwd()
    sys.path[:] = [here] + [path for path in sys.path if path != here]
    sys.argv = ["kirin"]
    from . import shim
    shim.install()
    host = Host()
    try:
        serve(fd, host)
    except OSError:
        pass                # the front has gone without reading the last answer
    os._exit(0)


def serve(fd, host):
    """Answers orders until there are no more."""
    with open(fd, "rb", closefd=False) as orders:
        for line in orders:
            answer = json.dumps(host.obey(json.loads(line))).encode() + b"\n"
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            logs.write_all(fd, answer)
