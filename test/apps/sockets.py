"""WebSockets by Starlette: an echo, and one that is refused."""

import os

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

import sidelog


async def echo(socket):
    await socket.accept(subprotocol=(socket.scope["subprotocols"] or [None])[0])
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            sidelog.note("disconnect", message["code"])
            return
        if "text" in message:       # as Channels' consumers ask
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])


async def refused(socket):
    await socket.close()


async def home(request):
    return PlainTextResponse("%d" % os.getpid())


app = Starlette(routes=[Route("/", home), WebSocketRoute("/echo", echo), WebSocketRoute("/refused", refused)])
