import asyncio
import time

import tornado.ioloop
import tornado.iostream
import tornado.web
import tornado.websocket

LOOP = tornado.ioloop.IOLoop.current()
NOTES = []


class Plain(tornado.web.RequestHandler):
    def get(self):
        self.set_status(202, "Taken")
        self.write(repr((self.request.uri, self.request.remote_ip, self.request.protocol, self.request.host,
                         tornado.ioloop.IOLoop.current() is LOOP)))

    def post(self):
        self.write(self.request.body)


@tornado.web.stream_request_body
class Streamed(tornado.web.RequestHandler):
    def prepare(self):
        self.sizes = []

    async def data_received(self, chunk):
        self.sizes.append(len(chunk))
        await asyncio.sleep(0)
        self.write(chunk[:1])
        self.flush()

    def post(self):
        self.write(repr(sum(self.sizes)))


class Sleep(tornado.web.RequestHandler):
    async def get(self):
        try:
            await asyncio.sleep(float(self.request.query))
        except asyncio.CancelledError:
            NOTES.append("cancelled")
            raise
        self.write(self.request.path)

    def on_connection_close(self):
        NOTES.append("gone")


class Notes(tornado.web.RequestHandler):
    def get(self):
        self.write(" ".join(NOTES))


class Spin(tornado.web.RequestHandler):
    def get(self):
        time.sleep(float(self.request.query))


class Stream(tornado.web.RequestHandler):
    async def get(self):
        count, size = map(int, self.request.query.split(","))
        try:
            for _ in range(count):
                self.write(b"x" * size)
                await self.flush()
        except tornado.iostream.StreamClosedError:
            NOTES.append("closed")
            raise


class Raises(tornado.web.RequestHandler):
    def get(self):
        raise RuntimeError("broken")


class Echo(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)

    def on_close(self):
        NOTES.append("socket closed %s" % self.close_code)


class Detaches(tornado.web.RequestHandler):
    def get(self):
        self.detach()


app = tornado.web.Application([
    ("/", Plain), ("/streamed", Streamed), ("/sleep", Sleep), ("/notes", Notes), ("/spin", Spin), ("/stream", Stream),
    ("/raises", Raises), ("/echo", Echo), ("/detaches", Detaches),
])
