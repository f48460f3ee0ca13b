"""For WSGI and for ASGI."""

import asyncio
import time

import falcon
import falcon.asgi

from mixed import late, lines, pattern


class Hello:
    def on_get(self, request, response, number):
        response.content_type = "text/plain"
        response.text = "hello %d from falcon" % number


class Json:
    def on_get(self, request, response, number):
        response.media = {"number": number}


class Bytes:
    def on_get(self, request, response, number):
        response.data = pattern(number)


class Lines:
    def on_get(self, request, response, number):
        response.stream = lines(number)


class Echo:
    def on_post(self, request, response):
        response.data = request.bounded_stream.read()


class Fail:
    def on_get(self, request, response):
        raise RuntimeError("failed")


class Late:
    def on_get(self, request, response):
        response.stream = late()


class Wait:
    def on_get(self, request, response):
        time.sleep(0.1)
        response.text = "waited"


class AsyncHello:
    async def on_get(self, request, response, number):
        Hello().on_get(request, response, number)


class AsyncJson:
    async def on_get(self, request, response, number):
        response.media = {"number": number}


class AsyncBytes:
    async def on_get(self, request, response, number):
        response.data = pattern(number)


async def parts(blocks):
    for block in blocks:
        await asyncio.sleep(0)
        yield block


class AsyncLines:
    async def on_get(self, request, response, number):
        response.stream = parts(lines(number))


class AsyncEcho:
    async def on_post(self, request, response):
        response.data = await request.stream.read()


class AsyncFail:
    async def on_get(self, request, response):
        raise RuntimeError("failed")


class AsyncLate:
    async def on_get(self, request, response):
        response.stream = parts(late())


class AsyncWait:
    async def on_get(self, request, response):
        await asyncio.sleep(0.1)
        response.text = "waited"


def routes(app, hello, json, some_bytes, some_lines, echo, fail, fail_late, wait):
    for route, resource in (("/hello/{number:int}", hello), ("/json/{number:int}", json),
                            ("/bytes/{number:int}", some_bytes), ("/lines/{number:int}", some_lines),
                            ("/echo", echo), ("/fail", fail), ("/late", fail_late), ("/wait", wait)):
        app.add_route(route, resource())
    return app


app = routes(falcon.App(), Hello, Json, Bytes, Lines, Echo, Fail, Late, Wait)
asgi = routes(falcon.asgi.App(), AsyncHello, AsyncJson, AsyncBytes, AsyncLines, AsyncEcho, AsyncFail, AsyncLate,
              AsyncWait)
