"""WebSockets that nobody reads before /go. Then each says how long its first message is, one after the other."""

from asyncio import Event, Lock

go, turn = Event(), Lock()


async def socket(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    await go.wait()
    async with turn:
        message = await receive()
        size = len(message["text"]) if message.get("text") is not None else len(message["bytes"])
        del message
    await send({"type": "websocket.send", "text": str(size)})


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await socket(receive, send)
        return
    go.set()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"go"})
