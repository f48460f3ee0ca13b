"""An application of Tornado's: handlers that wait, stream, take a body in as it comes, and WebSockets."""

import asyncio
import hashlib
import os
import time

import tornado.ioloop
import tornado.web
import tornado.websocket

import sidelog

LOOP = tornado.ioloop.IOLoop.current()      # as applications for Gunicorn's tornado class do it


class Hello(tornado.web.RequestHandler):
    def get(self):
        self.set_status(200, "Fine")
        self.add_header("X-Twice", "1")
        self.add_header("X-Twice", "2")
        self.write("Hello from Tornado\n")


class Environ(tornado.web.RequestHandler):
    def get(self):
        request = self.request
        self.write({"uri": request.uri, "host": request.host, "ip": request.remote_ip, "protocol": request.protocol,
                    "version": request.version, "argument": self.get_argument("q", ""), "pid": os.getpid(),
                    "same_loop": tornado.ioloop.IOLoop.current() is LOOP})


class Echo(tornado.web.RequestHandler):
    def post(self):
        self.write(self.request.body)


@tornado.web.stream_request_body
class Digest(tornado.web.RequestHandler):
    """Takes a body in as it comes."""

    async def prepare(self):
        self.hash = hashlib.sha256()
        self.size = self.parts = 0

    async def data_received(self, chunk):
        await asyncio.sleep(0)
        self.hash.update(chunk)
        self.size += len(chunk)
        self.parts += 1

    def post(self):
        self.write({"sha256": self.hash.hexdigest(), "length": self.size, "parts": self.parts})

    def on_connection_close(self):
        super().on_connection_close()
        sidelog.note("upload gone")


class Stream(tornado.web.RequestHandler):
    async def get(self):
        count, size = int(self.get_argument("n")), int(self.get_argument("size", "10"))
        for number in range(count):
            self.write((b"%d " % number).ljust(size, b"."))
            await self.flush()


class Wait(tornado.web.RequestHandler):
    """Waits for a time, or until the client has gone."""

    async def get(self, seconds):
        sidelog.note("begin", seconds)
        await asyncio.sleep(float(seconds))
        sidelog.note("end", seconds)
        self.write("waited\n")

    def on_connection_close(self):
        sidelog.note("gone")


class Block(tornado.web.RequestHandler):
    def get(self, seconds):
        time.sleep(float(seconds))
        self.write("blocked\n")


class Broken(tornado.web.RequestHandler):
    def get(self, when):
        if when == "after":
            self.write("part")
            self.flush()
        raise RuntimeError("a Tornado handler broke")


class File(tornado.web.StaticFileHandler):
    pass


class Socket(tornado.websocket.WebSocketHandler):
    def open(self):
        sidelog.note("open")

    async def on_message(self, message):
        word, _, rest = message.partition(" ") if isinstance(message, str) else ("", "", "")
        if word == "bye":
            self.close(int(rest))
        elif word == "many":
            for number in range(int(rest)):
                await self.write_message("message %d " % number + "x" * (number % 3000))
        else:
            await self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self):
        sidelog.note("closed", self.close_code or 1006)


class Closed(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return False

    def prepare(self):
        self.set_status(403)
        self.finish("no sockets here")


app = tornado.web.Application([
    (r"/", Hello), (r"/environ.*", Environ), (r"/echo-body", Echo), (r"/digest", Digest), (r"/stream", Stream),
    (r"/wait/([\d.]+)", Wait), (r"/block/([\d.]+)", Block), (r"/broken/(\w+)", Broken), (r"/echo", Socket),
    (r"/refused", Closed), (r"/files/(.*)", File, {"path": os.path.dirname(os.path.abspath(__file__))}),
], websocket_max_message_size=64 << 20)


def wsgi(environ, start_response):
    """A WSGI callable that uses the loop."""
    import json
    loop = tornado.ioloop.IOLoop.current()
    loop.add_callback(sidelog.note, "called back", environ["PATH_INFO"])
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"length": len(body), "script": environ["SCRIPT_NAME"], "path": environ["PATH_INFO"]}).encode()]
