"""``dirty ORDERS LISTENER NAME``: the process that keeps dirty workers, and gives them their calls.

It imports nothing of the application's but what a gunicorn.conf.py with hooks of dirty workers does: each worker is a
fresh process. A line of JSON from the front on ORDERS is an order, a line back the answer: {} or {"error": ...,
"trace": ..., "exit": ...}.

    {"do": "load", "generation": N, ...}    starts the workers of a version, and answers when all are ready; the
                                            descriptor of the runtime comes with it
    {"do": "retire"}                        older versions end when their calls are over
    {"do": "revert"}                        the newest version goes, the one before it stays
    {"do": "scale", "by": N}                N workers more, or fewer when it is below 0
    {"do": "state"}

The answer to the last two has "state": what gunicornc shows of workers and applications, and how many are wanted.

When ORDERS ends, so does the process, gracefully, whether the front wants it or is gone; by QUIT it does at once.
"""

import asyncio
import json
import os
import signal
import socket
import struct
import sys
from array import array

from . import log as logs
from .conf import run
from .dirty_errors import DirtyError, DirtyNoWorkersAvailableError, DirtyProtocolError
from .dirty_pool import Call, Generation
from .dirty_stash import Tables
from .dirty_wire import CALL, ERROR, HEADER, RESULT, STASH, pack, size_of, unpack
from .errors import LoadError
from .gconfig import Config, warner
from .hooks import HookError
from .objects import HookLog
from .pylog import alone
from .signals import catches
from .trace import format_error, last_line

HEAD = 64 << 10         # bytes of the head of a call
PATIENCE = 30           # seconds that it may take to arrive, or an answer of the stash to be read
PEERCRED = getattr(socket, "SO_PEERCRED", 17)       # PyPy has no name for it
HOOKS = ("on_dirty_starting", "dirty_post_fork", "dirty_worker_exit")   # that run here


class DirtyArbiter:
    """The process; what hooks get as ``arbiter``."""

    def __init__(self, loop, socket_path):
        self.loop = loop
        self.pid, self.ppid = os.getpid(), os.getppid()
        self.socket_path = socket_path
        self.out = logs.Log(2, logs.INFO, os.environ.get("JOURNAL_STREAM", ""))
        self.out.make = lambda: alone(self.out)
        self.log = HookLog(self.out)
        self.cfg = Config()
        self.names = {}             # what the gunicorn.conf.py has left
        self.hooks = ()             # those of HOOKS that it has
        self.workers = {}           # by pid
        self.tables = Tables()
        self.generations = []       # the newest last
        self.age = self.calls = 0
        self.alive = True
        self.over = loop.create_future()

    @property
    def num_workers(self):
        return self.generations[-1].wanted if self.generations else 0

    def next_age(self):
        self.age += 1
        return self.age

    def next_call(self):
        self.calls += 1
        return self.calls

    # Orders

    async def obey(self, order, image):
        """Carries an order out; gives the answer."""
        try:
            return await getattr(self, "do_" + order["do"])(order, image) or {}
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                return {"error": "the dirty workers are being stopped"}
            if not isinstance(error, LoadError):
                return {"error": last_line(error), "trace": format_error(error)}
            return {"error": str(error), "trace": error.trace, "exit": error.status}

    async def do_load(self, order, image):
        self.out.level = order["log_level"]
        before = self.cfg, self.names, self.hooks
        try:
            self.adopt(order)
        except BaseException as error:
            os.close(image)
            self.cfg, self.names, self.hooks = before
            raise HookError("file " + order["conf"], error)
        generation = Generation(self, order, image)
        generation.before = before
        first = not self.generations
        self.generations.append(generation)
        try:
            if first:
                self.must("on_dirty_starting", self)
            generation.start()
            await generation.booted
        except BaseException:
            self.drop(generation)
            raise

    def adopt(self, order):
        """Takes the settings over, and the file with the hooks."""
        self.hooks = [name for name in order["hooks"] if name in HOOKS]
        self.names = run(order["conf"]) if self.hooks else {}
        self.cfg = Config(order["settings"], warner(self.out, "arbiter of dirty workers"))

    async def do_revert(self, order, image):
        self.drop(self.generations[-1])

    def drop(self, generation):
        if generation in self.generations:      # else it has been stopped
            self.generations.remove(generation)
            self.cfg, self.names, self.hooks = generation.before
        generation.leave(graceful=False)

    async def do_retire(self, order, image):
        old, self.generations = self.generations[:-1], self.generations[-1:]
        for generation in old:
            generation.leave()

    async def do_scale(self, order, image):
        before, by = self.num_workers, order["by"]
        for _ in range(abs(by)):
            self.scale(1 if by > 0 else -1)
        answer = await self.do_state(order, image)
        answer["state"]["by"] = self.num_workers - before
        return answer

    async def do_state(self, order, image):
        members = sorted(self.workers.values(), key=lambda member: member.age)
        workers = [{"pid": m.pid, "age": m.age, "apps": m.app_paths, "booted": m.booted, "last_heartbeat": None}
                   for m in members]
        apps = []
        for path, limit in self.generations[-1].apps.items() if self.generations else ():
            pids = [m.pid for m in members if path in m.app_paths]
            apps.append({"import_path": path, "worker_count": limit, "current_workers": len(pids), "worker_pids": pids})
        return {"state": {"workers": workers, "apps": apps, "wanted": self.num_workers}}

    def stop(self, graceful=True):
        self.alive = False
        for generation in {member.generation for member in self.workers.values()} | set(self.generations):
            generation.leave(graceful)
        self.generations = []
        self.look()

    def look(self):
        """Ends the process when nothing is left of it."""
        if not self.alive and not self.workers and not self.over.done():
            self.over.set_result(None)

    def must(self, name, *arguments):
        if name in self.hooks:
            try:
                self.names[name](*arguments)
            except BaseException as error:
                raise HookError(name, error)

    def hook(self, name, *arguments):
        """Calls a hook whose failure is logged."""
        try:
            self.must(name, *arguments)
        except HookError as error:
            self.out.error(error.text().rstrip())

    def scale(self, by):
        if self.generations:
            self.generations[-1].scale(by)

    # Calls

    async def accept(self, listener):
        """Takes connections in until the end."""
        while True:
            try:
                conn, _ = await self.loop.sock_accept(listener)
            except OSError as error:            # too many open files
                self.out.error("accept of a call: %s" % error)
                await asyncio.sleep(1)
                continue
            if trusted(conn):
                conn.setblocking(False)
                self.loop.create_task(self.attend(conn))
            else:
                conn.close()

    async def attend(self, conn):
        try:
            kind, value = await asyncio.wait_for(self.head(conn), PATIENCE)
            if kind == CALL:
                self.admit(Call(conn, *value))
                return
            await asyncio.wait_for(self.loop.sock_sendall(conn, self.stash(value)), PATIENCE)
        except (OSError, EOFError, DirtyError, asyncio.TimeoutError, TypeError, ValueError):
            pass        # whoever it was does not speak to us
        conn.close()

    async def head(self, conn):
        size, kind = size_of(await self.exactly(conn, HEADER.size))
        if kind not in (CALL, STASH) or kind == CALL and size > HEAD:
            raise DirtyProtocolError("a frame of kind %d and %d bytes" % (kind, size))
        return kind, unpack(await self.exactly(conn, size))

    async def exactly(self, conn, size):
        """So many bytes and none more: what follows is for a worker."""
        data = bytearray()
        while len(data) < size:
            part = await self.loop.sock_recv(conn, size - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def stash(self, value):
        try:
            return pack(RESULT, self.tables.perform(*value))
        except DirtyError as error:
            return pack(ERROR, error.to_dict())

    def admit(self, call):
        """Gives a call to the version that it is for, or else to the newest."""
        if not self.generations:
            call.fail(DirtyNoWorkersAvailableError(call.app, "the dirty workers are being stopped"))
            return
        fitting = [g for g in self.generations if g.number == call.generation and g.active]
        (fitting or self.generations)[-1].admit(call)


class Orders:
    """The front's orders, in the order in which they come."""

    def __init__(self, arbiter, sock):
        self.arbiter = arbiter
        self.sock = sock
        self.data = b""
        self.fds = []

    def receive(self):
        """Takes in what is there."""
        try:
            data, ancillary, _, _ = self.sock.recvmsg(1 << 16, socket.CMSG_SPACE(16))
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", ()
        for _, _, rights in ancillary:
            for fd in array("i", rights):
                os.set_inheritable(fd, False)
                self.fds.append(fd)
        if not data:
            self.arbiter.loop.remove_reader(self.sock)
            self.arbiter.stop()
            return
        *lines, self.data = (self.data + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            image = self.fds.pop(0) if order["do"] == "load" else None
            self.arbiter.loop.create_task(self.answer(order, image))

    async def answer(self, order, image):
        answer = await self.arbiter.obey(order, image)
        self.sock.setblocking(True)
        try:
            self.sock.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            pass
        self.sock.setblocking(False)


def trusted(conn):
    """Whether the peer runs as this user, or as root (SO_PEERCRED of unix(7)): the socket's name is open to all."""
    _, uid, _ = struct.unpack("3i", conn.getsockopt(socket.SOL_SOCKET, PEERCRED, 12))
    return uid in (0, os.geteuid())


def main(arguments):
    """Serves until it is told to stop, or the front has gone."""
    orders, listener = (socket.socket(fileno=int(fd)) for fd in arguments[:2])
    for sock in (orders, listener):
        sock.set_inheritable(False)
        sock.setblocking(False)
    here = os.getcwd()
    sys.path[:] = [here] + [path for path in sys.path if path != here]
    sys.argv = ["kirin"]
    from . import shim
    shim.install()
    try:
        with open("/proc/self/comm", "w") as comm:
            comm.write("kirin-dirty")
    except OSError:
        pass
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(serve(loop, DirtyArbiter(loop, arguments[2]), orders, listener))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)     # whatever threads of a hook's do


async def serve(loop, arbiter, orders, listener):
    """Until the arbiter is over."""
    receiver = Orders(arbiter, orders)
    loop.add_reader(orders, receiver.receive)
    for number, do in ((signal.SIGTERM, arbiter.stop), (signal.SIGINT, arbiter.stop),
                       (signal.SIGQUIT, lambda: arbiter.stop(False)), (signal.SIGTTIN, lambda: arbiter.scale(1)),
                       (signal.SIGTTOU, lambda: arbiter.scale(-1)), (signal.SIGUSR1, lambda: reopen(arbiter))):
        loop.add_signal_handler(number, do)
    accepting = loop.create_task(arbiter.accept(listener))
    await arbiter.over
    accepting.cancel()


def reopen(arbiter):
    """USR1 is for those who may have log files."""
    for member in arbiter.workers.values():
        if catches(member.pid, signal.SIGUSR1):
            member.kill(signal.SIGUSR1)
