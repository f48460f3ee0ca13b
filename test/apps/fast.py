"""A FastAPI application: asynchronous and threaded handlers, a stream, an upload, a lifespan."""

import asyncio
import hashlib
import os

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware

app = FastAPI()


@app.on_event("startup")
async def startup():
    app.state.pool = "open"


@app.get("/")
async def root(request: Request):
    return {"pid": os.getpid(), "pool": app.state.pool, "client": request.client.host, "url": str(request.url)}


@app.get("/threaded")
def threaded():
    return {"threaded": True}


@app.post("/digest")
async def digest(request: Request):
    found, size = hashlib.sha256(), 0
    async for chunk in request.stream():
        found.update(chunk)
        size += len(chunk)
    return {"sha256": found.hexdigest(), "length": size}


@app.get("/events")
async def events(count: int):
    async def lines():
        for number in range(count):
            yield "data: %d\n\n" % number
            await asyncio.sleep(0.01)
    return StreamingResponse(lines(), media_type="text/event-stream")


@app.get("/broken")
async def broken():
    raise RuntimeError("broken on purpose")


class Marked(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-marked"] = "yes"
        return response


app.add_middleware(Marked)
