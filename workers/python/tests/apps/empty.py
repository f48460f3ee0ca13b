"""A body that never ends and has nothing in it: what some do who wait for something."""

import time


def blocks(first, path):
    with open(path + ".begun", "w"):
        pass
    try:
        if first:
            yield first
        while True:
            time.sleep(0.002)
            yield b""
    finally:
        with open(path, "w"):
            pass


def app(environ, start_response):
    """/?PATH has nothing, /first?PATH has a block first; the file is there when the body was ended."""
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/hello":
        return [b"hello"]
    return blocks(b"first" if environ["PATH_INFO"] == "/first" else b"", environ["QUERY_STRING"])
