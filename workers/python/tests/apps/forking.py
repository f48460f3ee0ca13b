"""Children of an application, by every way there is: each request says what has become of its own."""

import asyncio
import multiprocessing
import os
import socket
import subprocess
import sys
import time

LEFT = []       # (pid, socket) of a child that outlives its request


def status(pid):
    """How a child has ended: its status, or the signal below zero."""
    code = os.waitpid(pid, 0)[1]
    return -(code & 0x7F) or code >> 8


def target(wait):
    wait()
    sys.exit(7)


def talk(wait):
    """A child that answers by a socket which was there before it."""
    near, far = socket.socketpair()
    pid = os.fork()
    if not pid:
        wait()
        far.sendall(far.recv(10).upper())
        os._exit(0)
    near.sendall(b"ping")
    return "%s %d" % (near.recv(10).decode(), status(pid))


def outlive(wait):
    """A child that goes on when the request is over, until /release."""
    near, far = socket.socketpair()
    pid = os.fork()
    if not pid:
        far.recv(1)
        wait()
        os._exit(9)
    LEFT.append((pid, near))
    return "left"


def release(wait):
    pid, near = LEFT.pop()
    near.sendall(b"!")
    return status(pid)


def waits(wait):
    pid = os.fork()
    if not pid:
        wait()
        os._exit(7)
    return status(pid)


def grandchild(wait):
    pid = os.fork()
    if not pid:
        os._exit(waits(wait) + 1)
    return status(pid)


def exits(wait):
    pid = os.fork()
    if not pid:
        wait()
        sys.exit(5)
    return status(pid)


def says(wait):
    pid = os.fork()
    if not pid:
        sys.exit("the child has had enough")
    return status(pid)


def fails(wait):
    pid = os.fork()
    if not pid:
        raise ValueError("of the child")
    return status(pid)


def comes_back(wait):
    pid = os.fork()
    return status(pid) if pid else "child"


def process(method):
    def run(wait):
        child = multiprocessing.get_context(method).Process(target=target, args=(wait,))
        child.start()
        child.join()
        return child.exitcode
    return run


def nap(wait):
    """A request that is over before the child of another is."""
    wait()
    return "nap"


def long(wait):
    return waits(lambda: [wait() for _ in range(8)])


def preexec(wait):
    return subprocess.Popen(["/bin/sh", "-c", "exit 7"], preexec_fn=wait).wait()


WAYS = {"/waits": waits, "/talk": talk, "/outlive": outlive, "/release": release, "/grandchild": grandchild,
        "/exits": exits, "/says": says, "/fails": fails, "/back": comes_back, "/preexec": preexec,
        "/nap": nap, "/long": long,
        "/mp-fork": process("fork"), "/mp-spawn": process("spawn"), "/mp-forkserver": process("forkserver")}


def sleep():
    time.sleep(0.02)


def app(environ, start_response):
    found = str(WAYS[environ["PATH_INFO"]](sleep)).encode()
    start_response("200 OK", [])
    return [found]


def run_loop():
    """How a child of a coroutine waits."""
    asyncio.run(asyncio.sleep(0.02))


async def find(path):
    """What WAYS has; a coroutine naps in its own loop."""
    if path == "/nap":
        await asyncio.sleep(0.02)
        return "nap"
    return str(WAYS[path](run_loop))


async def aapp(scope, receive, send):
    if scope["type"] == "http":
        found = (await find(scope["path"])).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": found})


def tornado_app():
    from tornado.web import Application, RequestHandler

    class Handler(RequestHandler):
        async def get(self):
            self.write(await find(self.request.path))

    return Application([("/.*", Handler)])
