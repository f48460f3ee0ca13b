"""Two lines, the second when somebody has written to the named pipe $GATE."""

import os


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first\n"
    with open(os.environ["GATE"]) as gate:
        gate.read()
    yield b"second\n"
