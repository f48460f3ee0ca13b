"""An ASGI application whose module begins a task, and makes a Future, when it is imported."""

import asyncio

LOOP = asyncio.get_event_loop()
BEGUN = LOOP.create_future()


async def begin():
    await asyncio.sleep(0)
    BEGUN.set_result(b"begun")

TASK = LOOP.create_task(begin())


async def app(scope, receive, send):
    if scope["type"] == "http":
        text = await asyncio.wait_for(asyncio.shield(BEGUN), 10)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text})
