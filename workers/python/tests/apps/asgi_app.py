"""One corner of ASGI's http scope a path; app() looks the coroutine up by name."""

import asyncio
import os
import sys
import time

import gate

LOG = []        # what happened, for /log
TEXT = [(b"content-type", b"text/plain")]
HERE = os.path.abspath(__file__)


async def read(receive):
    """The request body, and in how many messages it came."""
    body, count = b"", 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body, -1
        body += message["body"]
        count += 1
        if not message["more_body"]:
            return body, count


async def answer(send, body, status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": TEXT + list(headers)})
    await send({"type": "http.response.body", "body": body})


async def start(send, **more):
    await send(dict({"type": "http.response.start", "status": 200, "headers": TEXT}, **more))


async def part(send, body, more=True):
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def hello(scope, receive, send):
    await answer(send, b"hello")


async def dump(scope, receive, send):
    await answer(send, "\n".join("%s=%r" % item for item in sorted(scope.items())).encode())


async def echo(scope, receive, send):
    body, count = await read(receive)
    await answer(send, body, headers=[(b"x-messages", b"%d" % count)])


async def parrot(scope, receive, send):
    """Answers each part as it comes."""
    await start(send)
    while True:
        message = await receive()
        await part(send, message["body"], message["more_body"])
        if not message["more_body"]:
            return


async def receive_all(scope, receive, send):
    """Says in the log what came, when that is not the whole body."""
    await start(send)
    await part(send, b"begun")
    await asyncio.sleep(0.05)       # which is a stream then
    kinds = []
    while kinds[-1:] != ["http.disconnect"]:
        kinds.append((await receive())["type"])
    LOG.append(" ".join(kinds))


async def impatient(scope, receive, send):
    """Gives up waiting again and again."""
    body, more = b"", True
    while more:
        try:
            message = await asyncio.wait_for(receive(), 0.005)
        except asyncio.TimeoutError:
            continue
        body, more = body + message["body"], message["more_body"]
    await answer(send, body)


async def log(scope, receive, send):
    text = "\n".join(LOG)
    del LOG[:]
    await answer(send, text.encode())


async def sleep(scope, receive, send):
    await asyncio.sleep(float(scope["query_string"]))
    await answer(send, b"slept")


async def until(scope, receive, send):
    path = scope["query_string"].decode()
    gate.begin(path)
    while not os.path.exists(path):
        await asyncio.sleep(0.005)
    await answer(send, b"open")


async def block(scope, receive, send):
    time.sleep(float(scope["query_string"]))
    await answer(send, b"blocked")


async def large(scope, receive, send):
    await answer(send, b"x" * int(scope["query_string"]))


async def two_parts(scope, receive, send):
    """What many middlewares make of a whole response."""
    await start(send)
    await part(send, b"one ")
    await asyncio.sleep(0)
    await part(send, b"two", False)


async def stream(scope, receive, send):
    """COUNT,SIZE"""
    count, size = map(int, scope["query_string"].split(b","))
    await start(send)
    for _ in range(count):
        await part(send, b"x" * size)
        await asyncio.sleep(0.005)
    await part(send, b"", False)


async def flood(scope, receive, send):
    """Streams SIZE bytes as fast as they go, and says in the log how far it came."""
    left = int(scope["query_string"])
    await start(send)
    try:
        while left:
            await part(send, b"x" * min(left, 65536))
            left -= min(left, 65536)
        await part(send, b"", False)
    finally:
        LOG.append("left %d" % left)


async def endless(scope, receive, send):
    """Streams until the client goes."""
    await start(send)
    try:
        while True:
            await part(send, b"x" * 1000)
            await asyncio.sleep(0.001)
    except OSError as error:
        LOG.append(type(error).__name__)


async def listen(scope, receive, send):
    """Waits for the client to go."""
    await read(receive)
    LOG.append("listening")
    LOG.append((await receive())["type"])


async def deaf(scope, receive, send):
    """Does not look whether the client goes."""
    LOG.append("begun")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        LOG.append("cancelled")
        raise


async def after(scope, receive, send):
    """Goes on after the response."""
    await answer(send, b"first")
    LOG.append((await receive())["type"])
    await asyncio.sleep(0.05)
    LOG.append("background")


async def raise_before(scope, receive, send):
    raise RuntimeError("before")


async def raise_after_start(scope, receive, send):
    await start(send)
    raise RuntimeError("after start")


async def raise_in_stream(scope, receive, send):
    await start(send)
    await part(send, b"x")
    await asyncio.sleep(0.05)
    raise RuntimeError("in stream")


async def nothing(scope, receive, send):
    pass


async def twice(scope, receive, send):
    await start(send)
    await start(send)


async def too_much(scope, receive, send):
    await answer(send, b"x")
    await part(send, b"y", False)
    await start(send)
    LOG.append("too much")


async def body_first(scope, receive, send):
    await part(send, b"x", False)


async def odd_message(scope, receive, send):
    await send({"type": "http.response.odd"})


async def odd_body(scope, receive, send):
    await start(send)
    await part(send, "text", False)


async def odd_status(scope, receive, send):
    await start(send, status="200")


async def odd_headers(scope, receive, send):
    await start(send, headers=[("a", "b")])


async def injection(scope, receive, send):
    await start(send, headers=[(b"a", b"b\r\nc: d")])


async def hints(scope, receive, send):
    await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
    await answer(send, b"hinted")


async def late_hints(scope, receive, send):
    hint = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}
    await start(send)
    await send(hint)
    await part(send, b"hin")
    await asyncio.sleep(0.05)
    await send(hint)
    await part(send, b"ted", False)


GO = []


async def slow_body(scope, receive, send):
    """The head, and the body when /slow_body_go says so."""
    GO[:] = [asyncio.Event()]
    await start(send)
    await GO[0].wait()
    await part(send, b"body", False)


async def slow_body_go(scope, receive, send):
    GO[0].set()
    await answer(send, b"")


async def path(scope, receive, send):
    await start(send)
    await send({"type": "http.response.pathsend", "path": HERE})


async def trailers(scope, receive, send):
    await start(send, trailers=True)
    await part(send, b"body", False)
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True})
    await send({"type": "http.response.trailers", "headers": [(b"x-end", b"2")]})


async def state(scope, receive, send):
    scope["state"]["mine"] = 1
    await answer(send, repr(sorted(scope["state"].items())).encode())


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise ValueError("no lifespan here")
    await globals()[scope["path"].strip("/")](scope, receive, send)


def lifespan(how):
    """An application whose lifespan does ``how``."""
    async def with_lifespan(scope, receive, send):
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        await receive()
        if how == "fail":
            await send({"type": "lifespan.startup.failed", "message": "no database"})
            return
        if how == "raise":
            raise RuntimeError("broken startup")
        scope["state"]["db"] = "pool"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        sys.stderr.write("shutting down\n")
        await send({"type": "lifespan.shutdown.complete"})
    return with_lifespan


class Two:
    """ASGI 2."""

    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await app(self.scope, receive, send)


class Object:
    """An application with an async __call__, as Starlette's is."""

    async def __call__(self, scope, receive, send):
        await app(scope, receive, send)


instance = Object()


# WebSockets

async def ws_echo(scope, receive, send):
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[0],
                "headers": [(b"x-mine", b"1")]})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            LOG.append("disconnect %d %s" % (message["code"], message["reason"]))
            return
        del message["type"]
        await send(dict(message, type="websocket.send"))


async def ws_flood(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    for n in range(10):
        await send({"type": "websocket.send", "bytes": b"%d" % n * 60000})
        LOG.append("sent %d" % n)


async def ws_impatient(scope, receive, send):
    """Does not wait for the end of a long message."""
    await receive()
    await send({"type": "websocket.accept"})
    try:
        await asyncio.wait_for(send({"type": "websocket.send", "bytes": b"x" * 300000}), 0.05)
    except asyncio.TimeoutError:
        LOG.append("timeout")
    await asyncio.gather(*[send({"type": "websocket.send", "text": text}) for text in ("y" * 100000, "after")])
    await send({"type": "websocket.close"})


async def ws_refuse(scope, receive, send):
    await receive()
    await send({"type": "websocket.close"})


async def ws_answer(scope, receive, send):
    await receive()
    await send({"type": "websocket.http.response.start", "status": 401, "headers": TEXT})
    await send({"type": "websocket.http.response.body", "body": b"who ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"are you"})


async def ws_close(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "bye"})
    await send({"type": "websocket.close", "code": 4000, "reason": "done"})


async def ws_raise(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    raise RuntimeError("in the socket")


async def ws_raise_early(scope, receive, send):
    raise RuntimeError("before the socket")


async def ws_deaf(scope, receive, send):
    """Never asks for a message."""
    await receive()
    await send({"type": "websocket.accept"})
    await asyncio.Event().wait()


async def ws_mute(scope, receive, send):
    """Returns without an answer."""
