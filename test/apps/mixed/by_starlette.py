import asyncio

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from mixed import late, lines, pattern


def number(request):
    return request.path_params["number"]


async def hello(request):
    return PlainTextResponse("hello %d from starlette" % number(request))


async def json(request):
    return JSONResponse({"number": number(request)})


async def some_bytes(request):
    return Response(pattern(number(request)), media_type="application/octet-stream")


async def some_lines(request):
    return StreamingResponse(lines(number(request)))


async def echo(request):
    return Response(await request.body(), media_type="application/octet-stream")


def fail(request):
    raise RuntimeError("failed")


async def fail_late(request):
    return StreamingResponse(late())


async def wait(request):
    await asyncio.sleep(0.1)
    return PlainTextResponse("waited")


app = Starlette(routes=[
    Route("/hello/{number:int}", hello), Route("/json/{number:int}", json), Route("/bytes/{number:int}", some_bytes),
    Route("/lines/{number:int}", some_lines), Route("/echo", echo, methods=["POST"]), Route("/fail", fail),
    Route("/late", fail_late), Route("/wait", wait),
])
