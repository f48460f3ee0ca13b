"""A client of rawsockets.py and tornado_app.py, by python3-websockets. usage: rawclient.py URL [wait|gone|nocodes]

It checks every answer. With "wait" it says "open", goes on talking until the server ends the connection, and
prints the code; with "gone" it tears the connection off.
"""

import asyncio
import functools
import sys

import websockets

connect = functools.partial(websockets.connect, open_timeout=60, close_timeout=60, ping_interval=None)
MESSAGES = ("hello", "na\u00efve " * 1000, b"\x00\xff" * 100000, "", b"", "last")


async def talk(url, codes=True):
    async with connect(url, max_size=None) as ws:
        for message in MESSAGES:
            await ws.send(message)
            answer = await ws.recv()
            assert answer == message, (len(answer), len(message))
        await ws.send(["in ", "two ", "parts"])
        assert await ws.recv() == "in two parts"
        await (await ws.ping())
        await ws.send("many 300")
        for number in range(300):
            wanted = "message %d " % number + "x" * (number % 3000)
            assert await ws.recv() == wanted, number
        await ws.send("bye 4002")
        await ws.wait_closed()
        assert ws.close_code == (4002 if codes else 1005), ws.close_code
    async with connect(url) as ws:
        await (ws.close(4001, "enough") if codes else ws.close())
        assert ws.close_code == (4001 if codes else 1005), ws.close_code


async def stay(url):
    async with connect(url) as ws:
        await ws.send("here")
        assert await ws.recv() == "here"
        print("open", flush=True)
        try:
            while True:
                await ws.send("still here")
                await ws.recv()
                await asyncio.sleep(0.01)
        except websockets.ConnectionClosed:
            print(ws.close_code, flush=True)


async def go(url):
    ws = await connect(url)
    await ws.send("here")
    await ws.recv()
    ws.transport.abort()


async def talk_without_codes(url):
    """With a server whose Close frames are empty."""
    await talk(url, False)


MODES = {"": talk, "nocodes": talk_without_codes, "wait": stay, "gone": go}
asyncio.run(MODES["".join(sys.argv[2:])](sys.argv[1]))
