"""A worker as it was before messages came in frames: it does not say that it knows of them."""

from kirin_worker import asgi

import sidelog
from sockets import app as sockets

asgi.ASGI.messages = False


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        sidelog.note("way", type(receive.__self__).__name__)
    await sockets(scope, receive, send)
