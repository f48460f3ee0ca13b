"""A client of sockets.py, by python3-websockets: checks every answer. usage: wsclient.py URL [WAIT]

With WAIT it says "open", waits until the server ends the connection, and prints the code.
"""

import asyncio
import functools
import sys

import websockets

connect = functools.partial(websockets.connect, open_timeout=60, close_timeout=60, ping_interval=None)
MESSAGES = ("hello", "na\u00efve " * 1000, b"\x00\xff" * 100000, "", b"")


async def talk(url, compression):
    async with connect(url + "/echo", subprotocols=["chat"], compression=compression, max_size=None) as ws:
        assert ws.subprotocol == "chat", ws.subprotocol
        assert bool(ws.extensions) == bool(compression), ws.extensions
        for message in MESSAGES:
            await ws.send(message)
            answer = await ws.recv()
            assert answer == message, (len(answer), len(message))
        await ws.send(["in ", "two ", "parts"])
        assert await ws.recv() == "in two parts"
        await (await ws.ping())
        await ws.close(4001, "enough")
        assert ws.close_code == 4001, ws.close_code


async def main(url, wait):
    if wait:
        async with connect(url + "/echo") as ws:
            await ws.send("here")
            assert await ws.recv() == "here"
            print("open", flush=True)
            await ws.wait_closed()
            print(ws.close_code, flush=True)
        return
    for compression in ("deflate", None):
        await talk(url, compression)
    try:
        async with connect(url + "/refused"):
            raise AssertionError("/refused was accepted")
    except websockets.InvalidStatusCode as error:
        assert error.status_code == 403, error.status_code


asyncio.run(main(sys.argv[1], len(sys.argv) > 2))
