"""A request body that comes part by part on a stream socket of its own (docs/protocol.md)."""

from asyncio import Lock

READ_SIZE = 64 << 10
HEAD = 4            # bytes before each part that tell its length; no length is the end of the body
ASK = b"?"


class Uplink:
    """Our end. A task that is cancelled while it reads takes nothing away."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.left = 0       # bytes of the part under way
        self.head = b""     # of the next one, as far as it has come
        self.turn = Lock()
        pipe.write(ASK)

    async def part(self):
        """What comes next; b"" at the end of the body, None when it has no end: who sent it has gone."""
        async with self.turn:
            while not self.left:
                if len(self.head) == HEAD:
                    return b""
                data = await self.pipe.read(HEAD - len(self.head))
                if not data:
                    return None
                self.head += data
                if len(self.head) == HEAD:
                    self.begin()
            data = await self.pipe.read(min(self.left, READ_SIZE))
            self.left -= len(data)
            return data or None

    def begin(self):
        """The head of a part is there. That of the end stays."""
        self.left = int.from_bytes(self.head, "little")
        if self.left:
            self.head = b""

    def close(self):
        self.pipe.close()
