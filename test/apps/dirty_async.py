"""An ASGI application that calls a dirty one."""

import json

from gunicorn.dirty import get_dirty_client_async

MODEL = "dirty_model:Model"


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    client = await get_dirty_client_async(timeout=60)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    if scope["path"] == "/words":
        async for word in client.stream_async(MODEL, "words", "one two", "/"):
            await send({"type": "http.response.body", "body": word.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        answer = await client.execute_async(MODEL, scope["path"].strip("/"), 2)
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})
