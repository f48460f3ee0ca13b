"""``dirty-worker FD SETUP OPTIONS...``: a process that holds dirty applications and performs calls of them.

FD is its end of a pair of sockets. By it the arbiter sends (id, application, action) with the connection of whoever
calls, and hears (in marshal, a message each):

    ("ready", [path, ...], [table, ...])    the applications that it has, and the tables that they want
    ("failed", line, trace, exit)           it cannot start
    ("writing", id)                         an answer has begun, or goes on
    ("done", id)
"""

import faulthandler
import json
import os
import signal
import socket
import sys
from marshal import dumps, loads
from time import monotonic

from . import dirty_app, log as logs, options as opts
from .dirty_errors import DirtyAppError, DirtyError, DirtyProtocolError
from .dirty_wire import BODY, CHUNK, END, ERROR, RESULT, pack, receive
from .errors import BOOT, LoadError, WorkerError
from .hooks import HookError, configuration
from .objects import HookLog
from .trace import format_error, last_line

SPACE = socket.CMSG_SPACE(4)
LONGEST = 32 << 10      # of a traceback in a message
PULSE = 1.0             # seconds between two signs of life of a stream
RECEIVE = 30            # seconds in which a call must have arrived


class Call:
    """One call, on the connection of whoever calls."""

    def __init__(self, worker, ident, path, action, sock):
        self.worker, self.ident, self.path, self.action, self.sock = worker, ident, path, action, sock
        self.told = 0.0

    def perform(self):
        """Answers it. Whoever has gone needs no answer."""
        try:
            self.sock.settimeout(RECEIVE)
            kind, body = receive(self.sock)
            if kind == BODY:
                self.sock.settimeout(self.worker.patience)
                self.answer(*body)
        except (OSError, EOFError, DirtyError):
            pass
        finally:
            self.sock.close()
            self.worker.tell("done", self.ident)

    def answer(self, args, kwargs):
        try:
            result = self.worker.apps[self.path](self.action, *args, **kwargs)
            if hasattr(result, "__await__"):
                result = self.worker.wait(result)
            self.give(result)
        except Gone:
            pass
        except BaseException as error:
            self.send(ERROR, self.described(error).to_dict())

    def give(self, result):
        """Sends what was returned, a generator's items one by one."""
        if hasattr(result, "__anext__"):
            result = self.worker.iterate(result)
        if not (hasattr(result, "__next__") and hasattr(result, "close")):
            self.send(RESULT, result)
            return
        try:
            for item in result:
                self.send(CHUNK, item)
        finally:
            result.close()
        self.send(END, None)

    def send(self, kind, value):
        data = pack(kind, value)
        now = monotonic()
        if now - self.told >= PULSE:
            self.told = now
            self.worker.tell("writing", self.ident)
        try:
            self.sock.sendall(data)
        except OSError:
            raise Gone()

    def described(self, error):
        """What the caller gets to know, and the log."""
        if isinstance(error, DirtyProtocolError):
            return error
        trace = format_error(error)
        self.worker.out.error("error in %s.%s\n%s" % (self.path, self.action, trace))
        return DirtyAppError(str(error), self.path, self.action, trace[-LONGEST:])


class Gone(BaseException):
    """Whoever has called does not listen any more."""


class DirtyWorker:
    """The process; what hooks get as ``worker``."""

    def __init__(self, control, setup, options, log):
        self.control = control
        self.out = log
        self.log = HookLog(log)     # Gunicorn's, for hooks
        self.pid, self.ppid, self.age = os.getpid(), os.getppid(), setup["age"]
        self.setup = setup
        self.options = options
        self.threads = max(1, setup["threads"])
        self.patience = setup["timeout"] * 0.9 or None      # a caller that reads nothing must not be our end
        self.app_paths = []
        self.apps = {}
        self.loops = {}             # by thread: for actions that are coroutines
        self.booted = self.aborted = False
        self.alive = True

    def __str__(self):
        return "<DirtyWorker %s>" % self.pid

    def notify(self):
        """Gunicorn's heartbeat: the arbiter looks at each call by itself."""

    def tell(self, *message):
        """Sends the arbiter a message. One that has gone has ended us (see below)."""
        try:
            self.control.send(dumps(message, 2))
        except OSError:
            pass

    def load(self):
        """Makes the applications of its number, and calls the hook."""
        found = self.find()
        try:
            for path, kind in found.items():
                self.apps[path] = kind()
            for path, app in self.apps.items():
                app.init()
        except BaseException as error:
            raise LoadError("the dirty application %s: %s" % (path, last_line(error)), format_error(error))
        self.call_hook()
        self.booted = True
        self.tell("ready", self.app_paths, [table for kind in found.values() for table in getattr(kind, "stashes", ())])

    def find(self):
        """The classes, by path; each is for the workers up to a number, or for all."""
        found = {}
        for path, limit in self.setup["apps"]:
            kind = dirty_app.find(path)
            limit = getattr(kind, "workers", None) if limit is None else limit
            if limit is None or self.setup["number"] <= limit:
                found[path] = kind
        self.app_paths = list(found)
        return found

    def call_hook(self):
        if not self.setup["hook"]:
            return
        self.log = self.out.python or self.log
        try:
            names = self.options.conf_names()
            self.cfg = configuration(names, self.options)
            names["dirty_worker_init"](self)
        except BaseException as error:
            raise HookError("dirty_worker_init", error)

    def run(self):
        """Performs calls until the arbiter sends no more."""
        pool = None
        if self.threads > 1:
            from concurrent.futures import ThreadPoolExecutor
            pool = ThreadPoolExecutor(self.threads)
        while True:
            call = self.next_call()
            if call is None:
                break
            if pool is None:
                call.perform()      # in the thread that has called init()
            else:
                pool.submit(call.perform)
        self.alive = False
        if pool is not None:
            pool.shutdown()
        self.close()

    def next_call(self):
        data, ancillary, _, _ = self.control.recvmsg(1 << 16, SPACE)
        if not data:
            return None
        ident, path, action = loads(data)
        fd = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
        os.set_inheritable(fd, False)
        return Call(self, ident, path, action, socket.socket(fileno=fd))

    def close(self):
        for path, app in self.apps.items():
            try:
                app.close()
            except BaseException as error:
                self.out.exception("error in %s.close" % path, error)

    def loop(self):
        """This thread's event loop."""
        import asyncio
        from _thread import get_ident
        ident = get_ident()
        if ident not in self.loops:
            self.loops[ident] = asyncio.new_event_loop()
        return self.loops[ident]

    def wait(self, awaitable):
        """What an awaitable gives."""
        async def whole():
            return await awaitable
        return self.loop().run_until_complete(whole())

    def iterate(self, items):
        """What an asynchronous generator yields."""
        try:
            while True:
                try:
                    yield self.wait(items.__anext__())
                except StopAsyncIteration:
                    return
        finally:
            self.wait(items.aclose())


def main(arguments):
    """The life of a dirty worker."""
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    setup = json.loads(arguments[1])
    die_with(setup["arbiter"])
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        options = opts.parse(arguments[2:])
        options.conf = options.conf or setup["conf"]
        log = logs.Log(options.log_fd, options.log_level, os.environ.get("JOURNAL_STREAM", ""))
        log.connect(options.identifier, "")
        faulthandler.enable(options.log_fd)
        worker = DirtyWorker(control, setup, options, log)
        prepare(options, log)
        worker.load()
    except WorkerError as error:
        trace = error.trace if isinstance(error, LoadError) else ""
        control.send(dumps(("failed", str(error), trace[-LONGEST:], error.status), 2))
        return error.status
    leave_when_told(control)
    log.info("Dirty worker booted with pid: %d" % os.getpid())
    worker.run()
    log.info("Dirty worker exiting (pid: %d)" % os.getpid())
    return 0


def prepare(options, log):
    """The process as dirty applications expect to find it: as any other worker."""
    from . import main as runtime
    from .signals import Signals
    runtime.prepare(options)
    runtime.set_title("dirty worker", options)
    signals = Signals()
    signal.signal(signal.SIGUSR1, signals._reopen)      # first: who catches it has missed none
    runtime.prepare_logs(options, log, signals)


def die_with(arbiter):
    """Has the kernel end this process with the arbiter (prctl(2)): the end of the socket is seen between calls only."""
    try:
        from ctypes import CDLL
        CDLL(None).prctl(1, int(signal.SIGKILL))        # PR_SET_PDEATHSIG
    except (ImportError, OSError, AttributeError):
        pass
    if os.getppid() != arbiter:
        os._exit(BOOT)
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    except (ImportError, OSError, ValueError):
        pass


def leave_when_told(control):
    """TERM and INT end it after what it has begun, QUIT at once."""
    def leave(number, frame):
        try:
            control.shutdown(socket.SHUT_RD)
        except OSError:
            pass
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGQUIT, lambda number, frame: os._exit(0))
