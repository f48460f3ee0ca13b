"""Frames (docs/protocol.md): a connection to a front, read without waiting and written in batches.

Any thread may post responses and flush; one thread at a time is the writer. Reading is the main thread's.
"""

import os
from _thread import allocate_lock
from collections import deque
from marshal import dumps, loads
from struct import Struct, pack, unpack
from time import monotonic

import _socket

HELLO, REQUEST, RESPONSE, CANCEL, DRAIN, STATUS, MESSAGES = 1, 2, 3, 4, 5, 6, 7
WHOLE, SPOOLED, STREAMED, WEBSOCKET, RAW, MULTIPLEXED = 0, 1, 2, 3, 4, 5     # kinds of REQUEST
COMPLETE, FILE, STREAM, END, RETURNED, INTERIM, ACCEPT = 0, 1, 2, 3, 4, 5, 6    # and of RESPONSE

INLINE = 64 << 10           # a complete body up to this travels in its frame
MAX_READ = 16 << 20         # no front sends a longer payload
MAX_WRITE = 4 << 20         # nor a worker
MAX_BATCH = 32              # responses in a frame: below 64 descriptors, and as a rule below MAX_WRITE

HEADER = Struct("<IBBH")
READ_SIZE = 64 << 10
SPACE = _socket.CMSG_SPACE(4 * 253)     # SCM_MAX_FD of unix(7)
GLANCE = 0.05               # seconds: how long a read waits at most, and between two looks at other descriptors
PATIENT = getattr(_socket, "MSG_CMSG_CLOEXEC", 0x40000000)      # how a read may wait for GLANCE
NOW = PATIENT | _socket.MSG_DONTWAIT


class ProtocolError(Exception):
    """The front broke a rule of docs/protocol.md."""


def encode(value):
    """The marshal encoding of ``value`` for what marshal.dumps refuses: subclasses of str and bytes."""
    parts = []
    _encode(value, parts.append)
    return b"".join(parts)


def _encode(value, add):
    if value is None:
        add(b"N")
    elif isinstance(value, int):
        add(dumps(value if isinstance(value, bool) else int(value), 2))
    elif isinstance(value, str):
        data = str.encode(value, "utf-8", "surrogatepass")
        add(pack("<cI", b"u", len(data)) + data)
    elif isinstance(value, bytes):
        add(pack("<cI", b"s", len(value)))
        add(value)
    else:
        add(pack("<cI", b"(", len(value)))
        for item in value:
            _encode(item, add)


def frame(kind, value, fds=0):
    """One frame, ready to send."""
    try:
        payload = dumps(value, 2)
    except ValueError:
        payload = encode(value)
    return HEADER.pack(len(payload), kind, fds, 0) + payload


def discard(request):
    """Closes the descriptor of a request that will not be run."""
    if request[1] not in (WHOLE, MULTIPLEXED):
        os.close(request[3][1])


class Connection:
    """One front. ``requests`` holds what was read of it and is not begun."""

    def __init__(self, sock):
        self.sock = sock
        self.fd = sock.fileno()
        self.recvmsg = sock.recvmsg
        self.requests = deque()
        self.cancelled = set()      # ids of requests that need not be begun
        self.draining = False       # DRAIN was read
        self.on_messages = None     # told of what comes for WebSockets
        self.orphan = None          # in a child that was forked: takes what ends a request, None or an error
        self.on_cancel = None       # told of ids that are cancelled, whether they have begun or not
        self.gone = False           # end of file or an error: nothing more in either direction
        self.queued = set()         # of threads: ids of requests that were handed on and are not begun
        self.running = set()        # and of those that are not ended
        self.rest = bytearray()     # an incomplete frame
        self.wanted = 8             # how long rest must be before there is anything to do
        self.fds = deque()
        self.out = []               # to send: (id, kind, status, headers, body[, descriptor]), or a list of messages
        self.since = 0.0            # when the first of them was posted, by the monotonic clock
        self.said = []              # messages of WebSockets that seal() puts behind them: (id, kind, data)
        self.saying = 0             # about how many bytes they have
        self.talks = False          # there have been such
        self.posted = 0             # about how many bytes of bodies they have
        self.lock = allocate_lock()     # the writer's

    # Reading

    def limit_waits(self):
        """Has a read that is PATIENT wait for GLANCE at most."""
        self.sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, pack("@ll", 0, int(GLANCE * 1e6)))

    def receive(self, how=NOW):
        """Takes in what is there, once. False when that is nothing yet. It waits when ``how`` is PATIENT."""
        try:
            data, ancillary, flags, _ = self.recvmsg(READ_SIZE, SPACE, how)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data, ancillary, flags = b"", (), 0
        if ancillary:
            self._keep(ancillary)
        if not data or flags & _socket.MSG_CTRUNC:
            self.gone = True
        elif self.rest:
            self._grow(data)
        else:
            self._parse(data)
        return True

    def _keep(self, ancillary):
        for level, kind, data in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                self.fds.extend(unpack("%di" % (len(data) // 4), data[:len(data) // 4 * 4]))

    def _grow(self, data):
        self.rest += data
        if len(self.rest) >= self.wanted:
            data, self.rest = bytes(self.rest), bytearray()
            self._parse(data)

    def _parse(self, data):
        size = len(data)
        at = 0
        while size - at >= 8:
            length, kind, fds, _ = HEADER.unpack_from(data, at)
            if length > MAX_READ:
                raise ProtocolError("a frame of %d bytes" % length)
            end = at + 8 + length
            if end > size:
                self.wanted = end - at
                break
            self._take(kind, fds, data[at + 8:end])
            at = end
        else:
            self.wanted = 8
        if at < size:
            self.rest += data[at:]

    def _take(self, kind, fds, payload):
        if kind == REQUEST and not fds:
            self.requests.extend(loads(payload))
            return
        if kind == MESSAGES and self.on_messages is not None:
            self.on_messages(self, loads(payload))
        if fds > len(self.fds):
            raise ProtocolError("a frame of type %d lacks its descriptors" % kind)
        taken = [self.fds.popleft() for _ in range(fds)]
        if kind == REQUEST:
            self._bodies(loads(payload), taken)
        elif kind == CANCEL:
            waiting = set(self.queued)
            waiting.update(request[0] for request in self.requests)
            idents = loads(payload)
            self.cancelled.update(waiting.intersection(idents))
            if self.on_cancel is not None:
                self.on_cancel(self, idents)
        elif kind == DRAIN:
            self.draining = True
        for fd in taken:
            os.close(fd)

    def _bodies(self, requests, taken):
        """Gives each request with a descriptor that: the body becomes (length, descriptor)."""
        for ident, kind, environ, body in requests:
            if kind not in (WHOLE, MULTIPLEXED):
                body = (body, taken.pop(0))
            self.requests.append((ident, kind, environ, body))

    # Writing

    def post(self, response, size=0):
        """Adds a response, with a body of about ``size`` bytes, to what the next flush sends."""
        if not self.out:
            self.since = monotonic()
        self.posted += size
        self.out.append(response)

    def seal(self):
        """Puts what was said behind what is posted. It is for the loop's thread, the only one that says something."""
        if self.said:
            said, self.said, self.saying = self.said, [], 0
            self.talks = True
            if not self.out:
                self.since = monotonic()
            self.out.append(said)

    def flush(self):
        """Sends what is posted, or leaves it to the thread that is sending and will look again."""
        while self.out and self.lock.acquire(False):
            try:
                self._send_posted()
            finally:
                self.lock.release()

    def send(self, kind, value):
        """Sends one frame after what is posted; waits for its turn."""
        with self.lock:
            self._send_posted()
            self._send(frame(kind, value), ())
        self.flush()

    def finish(self):
        """Sends what is posted; returns when no other thread is sending either."""
        with self.lock:
            self._send_posted()

    def _send_posted(self):
        large = False
        while self.out:
            large = large or self.posted > INLINE
            batch = self.out[:MAX_BATCH]    # two steps: another thread may post in between
            if self.talks and list in map(type, batch):
                batch = self._until_messages(batch)
            if large and type(batch[0]) is not list:
                batch = self._fitting(batch)
            del self.out[:len(batch)]
            self.posted = 0
            if batch and type(batch[0]) is not list:
                self._send_batch(batch)
            elif not self.gone:
                self._send(frame(MESSAGES, batch[0]), ())

    @staticmethod
    def _fitting(batch):
        """As many responses as make a frame for which both sides have memory at hand: to get new costs more."""
        size = 0
        for count, response in enumerate(batch, 1):
            if type(response[4]) is bytes:
                size += len(response[4])
            if size > INLINE:
                return batch[:count]
        return batch

    @staticmethod
    def _until_messages(batch):
        """The responses before the first list of messages, or that when it is the first."""
        first = [type(item) for item in batch].index(list)
        return batch[:first or 1]

    def _send_batch(self, batch):
        fds = [item[5] for item in batch if len(item) == 6]
        data = frame(RESPONSE, [item[:5] for item in batch] if fds else batch, len(fds))
        if len(data) - 8 > MAX_WRITE:
            self._send_apart(batch)
            return
        if not self.gone:
            self._send(data, fds)
        for fd in fds:
            os.close(fd)

    def _send_apart(self, batch):
        """Sends what is too long for one frame by halves, and fails a response that is so by itself."""
        if len(batch) > 1:
            half = len(batch) // 2
            self._send_batch(batch[:half])
            self._send_batch(batch[half:])
        else:
            self._send_batch([(batch[0][0], COMPLETE, "500 Internal Server Error", [], b"")])

    def _send(self, data, fds):
        try:
            if fds:
                rights = pack("%di" % len(fds), *fds)
                sent = self.sock.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
            else:
                sent = self.sock.send(data)
            if sent < len(data):
                self.sock.sendall(data[sent:])
        except OSError:
            self.gone = True

    def refuse(self, request):
        """Answers a request that will not be begun: the front may give it to another worker."""
        self.cancelled.discard(request[0])
        discard(request)
        self.post((request[0], RETURNED, None, None, None))

    def close(self):
        """Closes the connection and every descriptor that came by it unused."""
        self.gone = True
        try:
            self.sock.shutdown(_socket.SHUT_RDWR)   # a forked child may hold the socket too
        except OSError:
            pass
        self.sock.close()
        for request in self.requests:
            discard(request)
        for fd in self.fds:
            os.close(fd)
        self.requests.clear()
        self.fds.clear()
