"""Code that does not want to end."""

import atexit
import sys
import threading
import time

atexit.register(print, "atexit ran", file=sys.stderr)


def app(environ, start_response):
    print("caught nothing yet", file=sys.stderr, flush=True)
    while True:
        try:
            time.sleep(0.05)
        except BaseException as error:
            print("caught", type(error).__name__, file=sys.stderr, flush=True)


def thread(environ, start_response):
    threading.Thread(target=time.sleep, args=(60,)).start()
    start_response("200 OK", [])
    return [b"started"]
