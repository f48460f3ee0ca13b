import time

import gate


def app(environ, start_response):
    """/sleep?SECONDS sleeps; /until?PATH waits at a gate; everything else answers at once."""
    if environ["PATH_INFO"] == "/sleep":
        time.sleep(float(environ["QUERY_STRING"]))
    elif environ["PATH_INFO"] == "/spin":
        end = time.monotonic() + float(environ["QUERY_STRING"])
        while time.monotonic() < end:
            pass
    elif environ["PATH_INFO"] == "/until":
        gate.until(environ["QUERY_STRING"])
    elif environ["PATH_INFO"] == "/spin_until":
        gate.spin_until(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]


def trickle(environ, start_response):
    """/?PAUSE,PAUSE,...: a block after each pause."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    for pause in environ["QUERY_STRING"].split(","):
        time.sleep(float(pause))
        yield b"."
