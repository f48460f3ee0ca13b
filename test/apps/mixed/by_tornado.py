import asyncio
import time

import tornado.web

from mixed import lines, pattern


class Hello(tornado.web.RequestHandler):
    def get(self, number):
        self.write("hello %s from tornado" % number)


class Json(tornado.web.RequestHandler):
    def get(self, number):
        self.write({"number": int(number)})


class Bytes(tornado.web.RequestHandler):
    def get(self, number):
        self.write(pattern(int(number)))


class Lines(tornado.web.RequestHandler):
    async def get(self, number):
        for line in lines(int(number)):
            self.write(line)
            await self.flush()


class Echo(tornado.web.RequestHandler):
    def post(self):
        self.write(self.request.body)


class Fail(tornado.web.RequestHandler):
    def get(self):
        raise RuntimeError("failed")


class Late(tornado.web.RequestHandler):
    """Tornado ends such an answer as if it were whole, unless its length was said."""

    async def get(self):
        self.set_header("Content-Length", "100")
        self.write(b"first part")
        await self.flush()
        raise RuntimeError("failed late")


class Wait(tornado.web.RequestHandler):
    async def get(self):
        await asyncio.sleep(0.1)
        self.write("waited")


class Spin(tornado.web.RequestHandler):
    def get(self):
        time.sleep(600)


app = tornado.web.Application([
    (r"/tornado/hello/(\d+)", Hello), (r"/tornado/json/(\d+)", Json), (r"/tornado/bytes/(\d+)", Bytes),
    (r"/tornado/lines/(\d+)", Lines), (r"/tornado/echo", Echo), (r"/tornado/fail", Fail), (r"/tornado/late", Late),
    (r"/tornado/wait", Wait), (r"/spin", Spin),
])
