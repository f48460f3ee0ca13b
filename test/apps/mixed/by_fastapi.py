import asyncio
import time

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from mixed import late, lines, pattern

app = FastAPI()


@app.get("/hello/{number}")
async def hello(number: int):
    return PlainTextResponse("hello %d from fastapi" % number)


@app.get("/json/{number}")
def json(number: int):
    return {"number": number}


@app.get("/bytes/{number}")
async def some_bytes(number: int):
    return Response(pattern(number), media_type="application/octet-stream")


@app.get("/lines/{number}")
async def some_lines(number: int):
    return StreamingResponse(lines(number))


@app.post("/echo")
async def echo(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


@app.get("/fail")
async def fail():
    raise RuntimeError("failed")


@app.get("/late")
def fail_late():
    return StreamingResponse(late())


@app.get("/wait")
async def wait():
    await asyncio.sleep(0.1)
    return PlainTextResponse("waited")


@app.get("/block")
async def block():
    time.sleep(600)
