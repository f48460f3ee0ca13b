"""An ASGI application with no framework: a corner of the specification a path."""

import asyncio
import hashlib
import json

import sidelog

GATES = {}      # by name: what /open?NAME opens


def gate(name):
    return GATES.setdefault(name, asyncio.Event())


async def start(send, status=200, headers=(), **more):
    await send(dict({"type": "http.response.start", "status": status, "headers": list(headers)}, **more))


async def part(send, body, more=True):
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def answer(send, body, status=200, headers=()):
    await start(send, status, headers)
    await part(send, body, False)


async def parts(receive):
    """The parts of a body; notes what comes in place of the rest."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            sidelog.note("disconnect")
            return
        more = message["more_body"]
        yield message["body"]


async def hello(scope, receive, send):
    await answer(send, b"hello")


async def digest(scope, receive, send):
    found, size, count = hashlib.sha256(), 0, 0
    async for body in parts(receive):
        found.update(body)
        size += len(body)
        count += 1
    heads = {name.decode(): value.decode() for name, value in scope["headers"]}
    told = {"sha256": found.hexdigest(), "length": size, "parts": count, "heads": heads}
    await answer(send, json.dumps(told).encode())


async def parrot(scope, receive, send):
    """Answers each part as it comes."""
    await start(send)
    async for body in parts(receive):
        await part(send, body)
    await part(send, b"", False)


async def early(scope, receive, send):
    """Answers before it has read anything."""
    await answer(send, b"too large", 413)


async def gated(scope, receive, send):
    """Reads its body once the gate is open."""
    name = scope["query_string"].decode()
    sidelog.note("waits", name)
    await gate(name).wait()
    await digest(scope, receive, send)


async def open_gate(scope, receive, send):
    gate(scope["query_string"].decode()).set()
    await answer(send, b"open")


async def drop(scope, receive, send):
    """Reads to the end, whatever that is."""
    size = 0
    async for body in parts(receive):
        size += len(body)
        sidelog.note("part", size)
    sidelog.note("read", size)


async def flood(scope, receive, send):
    """Sends so many bytes as fast as they go."""
    left = int(scope["query_string"])
    await start(send)
    try:
        while left:
            size = min(left, 65536)
            await part(send, b"x" * size)
            left -= size
        await part(send, b"", False)
    except OSError as error:
        sidelog.note("send", type(error).__name__)
        raise


async def events(scope, receive, send):
    """Events until the client goes, or there were enough."""
    count = int(scope["query_string"] or b"1000000")
    await start(send, headers=[(b"content-type", b"text/event-stream")])
    for number in range(count):
        await part(send, b"data: %d\n\n" % number)
        await asyncio.sleep(0.2)
    await part(send, b"", False)


async def trailers(scope, receive, send):
    await start(send, headers=[(b"trailer", b"x-sum"), (b"content-length", b"8")], trailers=True)
    await part(send, b"one ")
    await part(send, b"body", False)
    more = scope["query_string"]
    headers = [(more, b"1")] if more else [(b"x-sum", b"1")]
    await send({"type": "http.response.trailers", "headers": headers, "more_trailers": True})
    await send({"type": "http.response.trailers", "headers": [(b"x-end", b"2")]})


async def hints(scope, receive, send):
    await start(send)
    await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]})
    await part(send, b"hinted", False)


async def path(scope, receive, send):
    await start(send)
    await send({"type": "http.response.pathsend", "path": __file__})


async def fails(scope, receive, send):
    """before, started, begun or ended: when it raises."""
    when = scope["query_string"]
    if when == b"before":
        raise RuntimeError("fails before")
    await start(send)
    if when == b"started":
        raise RuntimeError("fails started")
    await part(send, b"begun")
    await asyncio.sleep(0.05)
    if when == b"begun":
        raise RuntimeError("fails begun")
    await part(send, b"", False)
    raise RuntimeError("fails ended")


async def dump(scope, receive, send):
    await answer(send, json.dumps(scope, default=repr, sort_keys=True).encode())


async def lifespan(scope, receive, send):
    """Its state is copied for each request, one level deep (the specification's words)."""
    scope["state"].update(count=0, shared=[])
    while True:
        kind = (await receive())["type"]
        await send({"type": kind + ".complete"})
        if kind == "lifespan.shutdown":
            sidelog.note("shutdown", len(scope["state"]["shared"]))
            return


async def state(scope, receive, send):
    scope["state"]["count"] += 1
    scope["state"]["shared"].append(1)
    await answer(send, b"%d %d" % (scope["state"]["count"], len(scope["state"]["shared"])))


async def app(scope, receive, send):
    name = "lifespan" if scope["type"] == "lifespan" else scope["path"].strip("/")
    await globals()[{"open": "open_gate", "": "hello"}.get(name, name)](scope, receive, send)


async def whole(scope, receive, send):
    """Tells every scope."""
    if scope["type"] == "http":
        await dump(scope, receive, send)
