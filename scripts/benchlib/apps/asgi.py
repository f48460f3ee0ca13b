"""ASGI applications of scripts/bench: what apps/wsgi.py has."""


def answer(body):
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    return {"type": "http.response.start", "status": 200, "headers": headers}, \
           {"type": "http.response.body", "body": body}


def constant(body):
    start, whole = answer(body)

    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise RuntimeError("only http")     # as ASGI asks of an application without a lifespan
        await send(start)
        await send(whole)
    return app


hello = constant(b"Hello, World!\n")
one_kib = constant(b"x" * 1024)
sixty_four_kib = constant(b"x" * 65536)


async def echo(scope, receive, send):
    """WebSockets that have their messages back."""
    if scope["type"] == "http":
        for message in answer(b"echo\n"):
            await send(message)
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    message = await receive()
    while message["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})
        message = await receive()


async def post(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("only http")
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    for message in answer(b"%d" % size):
        await send(message)
