"""A WebSocket whose messages share the front's connection with those of all others (docs/protocol.md).

Idle, it is what the application has on its stack, and this object: no descriptor, no buffer.
"""

from asyncio import Lock, shield
from collections import deque

from .asgi_errors import ASGIError, ClientDisconnected
from .asgi_ws import ABNORMAL, BINARY, CLOSE, CLOSED, NO_STATUS, OPEN, TEXT, BaseSocket

CREDIT, REST, MORE = 9, 0, 16
WINDOW = 128 << 10          # bytes on the way in one direction for one message more
PART = 64 << 10             # the longest piece of a message
COST = 64                   # what each piece counts for beyond its length
BATCH = 256 << 10           # bytes of messages that are not held back for others


class Messages(BaseSocket):
    """One WebSocket. All of it is the loop's thread's."""

    __slots__ = ("queue", "waiter", "parts", "kind", "pieces", "taken", "owed", "room", "turn", "longs")

    def __init__(self, server, conn, request):
        BaseSocket.__init__(self, server, conn, request)
        self.queue = None       # messages that nobody has asked for yet, each with its cost
        self.waiter = None      # a Future for receive() that waits, or a list of them
        self.parts = None       # of a message that is not whole yet
        self.kind = 0           # of that
        self.pieces = 0         # what they cost
        self.taken = 0          # what the front does not know to have been taken yet
        self.owed = 0           # what it has not taken
        self.room = None        # a Future for who waits until there is room
        self.turn = None        # a Lock for who sends a long message, or waits
        self.longs = 0          # how many want it

    # receive

    async def receive(self):
        """The next message."""
        if not self.connected:
            self.connected = True
            return {"type": "websocket.connect"}
        while not self.queue:
            if self.closing is not None:
                code, reason = self.closing
                return {"type": "websocket.disconnect", "code": code, "reason": reason}
            waiter = self.server.loop.create_future()
            if self.pieces:
                self.take_pieces()
            if self.waiter is None:
                self.waiter = waiter
            else:                   # two tasks receive
                self.waiter = (self.waiter if type(self.waiter) is list else [self.waiter]) + [waiter]
            await waiter
        message, cost = self.queue.popleft()
        self.take(cost)
        return message

    def wake(self):
        waiter, self.waiter = self.waiter, None
        if waiter is None:
            return
        for each in waiter if type(waiter) is list else (waiter,):
            if not each.done():
                each.set_result(None)

    def take(self, cost):
        """The application has a message: the front may send more."""
        self.taken += cost
        if self.taken >= WINDOW // 2 and not self.ended:
            self.say(CREDIT, self.taken)
            self.taken = 0

    def take_pieces(self):
        pieces, self.pieces = self.pieces, 0
        self.take(pieces)

    def hear(self, kind, data):
        """What the front says of this WebSocket."""
        if kind == TEXT or kind == BINARY:
            self.add(kind, data, len(data if type(data) is bytes or data.isascii() else data.encode()) + COST)
        elif kind == CREDIT:
            self.owed -= data
            if self.room is not None and not self.room.done():
                self.room.set_result(None)
        elif kind == CLOSE:
            if data is None:
                self.lose(ABNORMAL)
            else:
                self.lose(int.from_bytes(data[:2], "big") if data else NO_STATUS, data[2:].decode("utf-8", "replace"))
        else:
            self.piece(kind, data)

    def piece(self, kind, data):
        """A piece of a long message."""
        self.pieces += len(data) + COST
        if kind != REST and kind != REST | MORE:
            self.kind, self.parts = kind & ~MORE, bytearray()
        self.parts += data
        if kind & MORE:
            if self.waiter is not None:     # it may become longer than the window
                self.take_pieces()
            return
        whole, self.parts = bytes(self.parts), None
        cost, self.pieces = self.pieces, 0
        self.add(self.kind, whole.decode("utf-8") if self.kind == TEXT else whole, cost)

    def add(self, kind, data, cost):
        if kind == TEXT:
            message = {"type": "websocket.receive", "text": data}
        else:
            message = {"type": "websocket.receive", "bytes": data}
        if self.queue is None:
            self.queue = deque()
        self.queue.append((message, cost))
        if self.waiter is not None:
            self.wake()

    def lose(self, code, reason=""):
        BaseSocket.lose(self, code, reason)
        self.let_go()

    def let_go(self):
        """Nobody is to wait any more."""
        self.wake()
        if self.room is not None and not self.room.done():
            self.room.set_result(None)

    # send

    def say(self, kind, data):
        conn = self.conn
        conn.said.append((self.ident, kind, data))
        self.server.flush_soon(conn)

    async def write(self, message):
        """Sends a message of the application's."""
        if self.state != OPEN:
            self.expect(OPEN, "websocket.send")
        data = message.get("text")
        kind = TEXT
        if data is None:
            data, kind = message.get("bytes"), BINARY
            if data is None:
                raise ASGIError("websocket.send has neither text nor bytes")
            if type(data) is not bytes:
                data = bytes(data)
        elif type(data) is not str or not data.isascii():
            data = data.encode("utf-8")
        size = len(data)
        if size > PART or self.owed >= WINDOW or self.turn is not None:
            await self.write_long(kind, data if type(data) is bytes else data.encode())
            return
        self.owed += size + COST
        conn = self.conn
        conn.saying += size + COST
        self.say(kind, data)
        if conn.saying > BATCH:
            self.server.flush(conn)

    async def write_long(self, kind, data):
        """Sends a message as the front has room for it; to its end, also when nobody waits for that."""
        if not await shield(self.server.loop.create_task(self.write_pieces(kind, data))):
            raise ClientDisconnected()

    async def write_pieces(self, kind, data):
        """Sends a message piece by piece, one after the other. False when the client has gone before its end."""
        if self.turn is None:
            self.turn = Lock()
        self.longs += 1
        try:
            async with self.turn:
                for at in range(0, len(data) or 1, PART):
                    if not await self.until_room():
                        return False
                    piece = data[at:at + PART]
                    self.owed += len(piece) + COST
                    self.say(kind if at + PART >= len(data) else kind | MORE, piece)
                    self.server.flush(self.conn)
                    kind = REST
                return True
        finally:
            self.longs -= 1
            if not self.longs:
                self.turn = None

    async def until_room(self):
        """Waits until another piece may be sent. False when none is wanted any more."""
        while self.owed >= WINDOW and self.state == OPEN:
            self.room = self.server.loop.create_future()
            await self.room
        return self.state == OPEN

    def say_close(self, code, reason=""):
        self.say(CLOSE, self.close_body(code, reason))
        self.state = CLOSED
        self.server.flush(self.conn)

    # The end

    def shut(self):
        """The front has given the connection up."""
        self.let_go()

    async def finish_writing(self):
        """What was said is on its way."""
        self.server.flush(self.conn)

    def retired(self):
        self.let_go()
