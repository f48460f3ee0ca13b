"""The loop of a worker: connections from fronts, their frames, and the way to the end.

A subclass says how requests are run (``serve``). All of this is the main thread's.
"""

import os
from _thread import allocate_lock
from select import POLLIN, poll
from time import monotonic, monotonic_ns

import _socket

from . import forked
from .sched import Policy
from .watch import Watch
from .wire import GLANCE, HELLO, NOW, PATIENT, STATUS, Connection, ProtocolError

VERSION = 1
STARTED = monotonic_ns() // 1000    # before any of the application's code is read


def hello(options, slots):
    """HELLO of a worker that serves."""
    return {"version": VERSION, "pid": os.getpid(), "slots": slots, "class": options.kind,
            "interface": "wsgi", "timed": True, "started": STARTED, "error": None}


def retirement(options):
    """After how many requests the worker asks to be replaced, 0 for never."""
    if not options.max_requests:
        return 0
    return options.max_requests + int.from_bytes(os.urandom(8), "little") % (options.max_requests_jitter + 1)


def accept(listener):
    """The next connection that waits, as a socket; None when none does."""
    try:
        fd, _ = listener._accept()
    except OSError:
        return None
    os.set_inheritable(fd, False)
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, fd)
    sock.setblocking(True)
    return sock


class Server:
    """One worker process."""

    slots = 1
    interface = "wsgi"
    timed = True                # a request has a time limit
    upgrades = True             # a client's bytes can be given to the application
    messages = False            # WebSockets can share the front's connection

    def __init__(self, listener, options, log, signals):
        self.listener = listener
        self.options = options
        self.log = log
        self.signals = signals
        self.connections = {}       # by descriptor
        self.accepting = listener is not None   # or else one connection is all there will be
        self.drained = False        # the last connection ended with DRAIN
        self.retire_at = retirement(options)
        self.begun = 0              # requests that were begun
        self.runners = []           # one for each thread that runs requests
        self.watch = None
        self.hooks = options.hooked
        self.orphan = False         # this is a forked child of the application's (forked.py)
        self.forker = None          # and what has forked it, by what self.forks() says
        self.ending = ""                    # why STATUS stopping is sent
        self.announced = allocate_lock()    # taken for good when STATUS stopping is sent
        self.ending = ""                    # why it was
        self.policy = Policy(self.threads)
        self.poller = poll()
        if listener is not None:
            self.attach(listener.fileno())
        self.attach(signals.fileno())

    def attach(self, fd):
        """Has the loop look at a descriptor."""
        self.poller.register(fd, POLLIN)

    def detach(self, fd):
        self.poller.unregister(fd)

    def make_watch(self, notifier):
        """What watches over this server."""
        return Watch(self, self.options, self.log, notifier)

    @classmethod
    def serving(cls, app):
        """The class of server for ``app``, which has been loaded."""
        return cls

    @classmethod
    def hooked(cls, app, hooks):
        """``app`` with the hooks on requests before it."""
        return hooks.wrap(app, cls.interface == "asgi")

    @classmethod
    def after_fork(cls, options):
        """In a child that preload.py has forked, before there is a server."""

    def open(self):
        """What has to be done before the worker is ready; WorkerError when it cannot be."""

    def serve(self, conn):
        """Runs the requests of ``conn`` that were read, or hands them on."""
        raise NotImplementedError

    def run(self):
        """Serves until nothing is left to do."""
        busy = None
        looked = 0.0
        while not self.finished():
            if busy is None or monotonic() - looked > GLANCE:
                busy = self.wait()
                looked = monotonic()
            elif not self.take(busy, len(self.connections) == 1 and not busy.draining):
                busy = None

    def wait(self):
        """Waits for something to do, and does it. The connection that had something, if just one did."""
        ready = [fd for fd, _ in self.poller.poll()]
        found = [self.connections[fd] for fd in ready if fd in self.connections]
        for conn in found:
            self.take(conn)
        if self.signals.fileno() in ready:
            self.signals.clear()
            for conn in [conn for conn in self.connections.values() if conn.draining]:
                self.settle(conn)       # a thread may have ended the last request
        if self.accepting and self.listener.fileno() in ready:
            self.welcome()
        return found[0] if len(found) == 1 and not found[0].gone else None

    def take(self, conn, patient=False):
        """Reads once from ``conn`` and serves what came. False for nothing, or at its end."""
        got = self.receive(conn, patient)
        if conn.requests and not conn.gone:
            self.policy.came(len(conn.requests))
            self.serve(conn)
        if conn.gone or conn.draining:
            self.settle(conn)
        return got and not conn.gone

    def receive(self, conn, patient=False):
        """Reads once from ``conn``. Only who is patient waits, and not for long."""
        try:
            return conn.receive(PATIENT if patient else NOW)
        except (ProtocolError, ValueError, EOFError, TypeError) as error:
            self.log.error("the front broke the protocol: %s" % error)
            conn.gone = True
            return True

    def settle(self, conn):
        """Closes a connection that has ended, or that drains and has nothing left to do."""
        if conn.gone or not (conn.requests or conn.running):
            self.drop(conn)
        if self.connections and all(other.draining for other in self.connections.values()):
            self.stop_accepting()

    def drop(self, conn):
        if self.connections.get(conn.fd) is not conn:
            return
        del self.connections[conn.fd]
        self.detach(conn.fd)
        conn.finish()
        if conn.draining and not self.connections:
            self.drained = True
            self.watch.notifier.leave(self)     # before the front can see the end
        conn.close()

    def stop_accepting(self):
        """Leaves whoever connects from now on to the next process."""
        if self.accepting:
            self.accepting = False
            self.detach(self.listener.fileno())

    def welcome(self):
        """Accepts a connection, unless a DRAIN that came before it ends this worker."""
        for conn in list(self.connections.values()):
            self.take(conn)
        if not self.accepting or self.drained:
            return
        sock = accept(self.listener)
        if sock is not None:
            self.adopt(sock)

    def adopt(self, sock):
        """Takes a front's connection up, and gives it."""
        conn = Connection(sock)
        conn.limit_waits()
        conn.on_cancel = self.give_up
        conn.send(HELLO, dict(hello(self.options, self.slots), interface=self.interface, timed=self.timed,
                              upgrades=self.upgrades, messages=self.messages))
        self.connections[conn.fd] = conn    # behind HELLO: from here on other threads may say something
        if self.announced.locked():         # by one that did not know of this connection yet
            conn.send(STATUS, {"stopping": self.ending})
        self.attach(conn.fd)
        return conn

    def give_up(self, conn, idents):
        """The front has given up requests, some of which may have begun."""
        for runner in self.runners:
            if runner.conn is conn and runner.environ is not None and runner.ident in idents:
                runner.exchange.cancelled = True

    def count(self):
        """Counts a request that begins; asks to be replaced when it is the last wanted."""
        self.begun += 1
        if self.begun == self.retire_at:
            self.retire("max_requests", "max_requests (%d) reached" % self.retire_at)

    def retire(self, setting, why):
        """Asks the fronts to replace this worker. Any thread may."""
        self.log.info("%s, asking to be replaced" % why)
        self.tell({"retire": setting})

    def threads(self):
        """The ids, as the kernel has them, of the threads that requests pass through; 0 is the calling one."""
        return [0]

    def busy(self):
        """How many requests are under way."""
        return sum(1 for runner in self.runners if runner.environ is not None)

    def tell(self, status):
        """STATUS to every front; any thread may say something."""
        for conn in list(self.connections.values()):
            conn.send(STATUS, status)

    def announce_stop(self, reason):
        """Tells the fronts, once, that this worker takes nothing more. Any thread may."""
        self.ending = self.ending or reason     # before who sees the lock taken asks for it
        if self.announced.acquire(False):
            self.tell({"stopping": reason})
            self.signals.wake()

    def finished(self):
        """Whether the loop ends."""
        if self.signals.stopping:
            self.announce_stop("SIGTERM")
        if self.announced.locked():
            self.stop_accepting()
        if self.connections:
            return False
        return self.drained or self.signals.stopping or self.listener is None

    def leave(self):
        """The last thing before the interpreter ends."""

    def abandon(self):
        """In a forked child: lets go of every descriptor of the worker's, so that the fronts see its end, and clients
        see that of a stream.
        """
        if not self.orphan:         # or the child of one
            self.orphan = True
            forked.hush(self.descriptors())
        for conn in self.linked():
            conn.gone = True
            conn.orphan = self.come_back

    def linked(self):
        """The connections that are served, or that some request has begun on."""
        return set(self.connections.values()).union(runner.conn for runner in self.runners if runner.conn is not None)

    def descriptors(self):
        """Those that a child must not hold."""
        found = list(self.connections) + [self.signals.near.fileno(), self.signals.far.fileno()]
        if self.listener is not None:
            found.append(self.listener.fileno())
        for runner in self.runners:
            if runner.environ is not None and runner.exchange.pipe is not None:
                found.append(runner.exchange.pipe.fileno())
        return found

    def come_back(self, error):
        """A child has come back from the application, or was left by an error: it ends."""
        forked.leave(error)
