"""``hooks FD``: the process that holds a gunicorn.conf.py and runs the hooks of the server itself.

A line of JSON from the front is an order, a line back the answer: {} or {"error": ..., "trace": ..., "exit": ...}.

    {"do": "load", "conf": FILE, "settings": {...}, "log_level": N, "pid": P}      runs the file, anew for a reload
    {"do": "revert"}                                        the reload has failed: back to what was before
    {"do": "call", "hook": NAME, "workers": N, "pid": P, "age": A, "values": [...]}

What a hook has started (a thread with an HTTP server for metrics, say) lives on until the server ends.
"""

import json
import os
import sys

from . import log as logs
from .conf import run
from .hooks import HookLog, Server, Worker
from .pylog import Settings
from .trace import format_error, last_line


class Host:
    """The hooks of one server."""

    def __init__(self):
        self.log = logs.Log()
        self.names = {}
        self.server = None
        self.before = None          # (names, cfg) from before the last load

    def obey(self, order):
        """Carries an order out; gives the answer."""
        try:
            getattr(self, order.pop("do"))(**order)
        except BaseException as error:
            answer = {"error": last_line(error), "trace": format_error(error)}
            if isinstance(error, SystemExit):
                answer["exit"] = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
            return answer
        return {}

    def load(self, conf, settings, log_level, pid=0):
        self.log.level = log_level
        names = run(conf)
        cfg = Settings(dict(settings))
        if self.server is None:
            self.server = Server(pid or os.getppid(), cfg, HookLog(self.log))
        self.before = self.names, self.server.cfg
        self.adopt(names, cfg)

    def adopt(self, names, cfg):
        self.names = names
        self.server.cfg = cfg
        self.server.address = cfg.address
        self.server.timeout = cfg.timeout
        self.server.proc_name = cfg.proc_name

    def revert(self):
        self.adopt(*self.before)

    def call(self, hook, workers=0, pid=0, age=0, values=()):
        self.server.num_workers = workers
        arguments = [self.server]
        if hook in ("pre_fork", "child_exit"):
            arguments.append(self.worker(hook, pid, age))
        self.names[hook](*arguments, *values)

    def worker(self, hook, pid, age):
        """The worker that a hook is about."""
        known = self.server.WORKERS
        if hook == "pre_fork":
            self.server.worker_age = age
            return Worker("[booting]", age, self.server.cfg, self.server.log)
        return known.pop(pid, None) or Worker(pid, age, self.server.cfg, self.server.log)

    def started(self, pid, age):
        self.server.WORKERS[pid] = Worker(pid, age, self.server.cfg, self.server.log)


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
    with open(fd, "rb", closefd=False) as orders:
        for line in orders:
            answer = json.dumps(host.obey(json.loads(line))).encode() + b"\n"
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            try:
                logs.write_all(fd, answer)
            except OSError:
                break
    os._exit(0)
