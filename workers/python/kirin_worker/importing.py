"""Says where an import that takes long stands: nothing else is known of a worker that does not come up."""

import sys
from _thread import allocate_lock, get_ident, start_new_thread

from .trace import standing

FIRST = 5       # seconds until the first word
MOST = 300      # the longest pause before the next one, each being three times the one before
SERVERS = {     # what never returns, by its function and the end of its file
    ("run", "/flask/app.py"): "app.run()", ("run_simple", "/werkzeug/serving.py"): "run_simple()",
    ("run", "/uvicorn/main.py"): "uvicorn.run()", ("serve", "/waitress/__init__.py"): "waitress.serve()",
    ("serve_forever", "/socketserver.py"): "serve_forever()", ("run_app", "/aiohttp/web.py"): "web.run_app()",
    ("start", "/tornado/ioloop.py"): "IOLoop.start()", ("run", "/bottle.py"): "bottle.run()",
    ("quickstart", "/cherrypy/__init__.py"): "cherrypy.quickstart()",
}


class Importing:
    """A context for the import; ``notifier`` has systemd show what the log says."""

    def __init__(self, log, notifier):
        self.log = log
        self.notifier = notifier
        self.thread = get_ident()
        self.over = allocate_lock()

    def __enter__(self):
        self.over.acquire()
        try:
            start_new_thread(self.watch, ())
        except RuntimeError:        # no thread to be had: what needs one will say so
            pass

    def __exit__(self, *exc):
        self.over.release()

    def watch(self):
        pause, waited = FIRST, 0
        while not self.over.acquire(True, pause):
            waited += pause
            pause = min(3 * pause, MOST)
            self.tell(waited)
        if waited:
            self.notifier.send("STATUS=", 0.0)

    def tell(self, waited):
        frame = sys._current_frames().get(self.thread)
        fields = standing(frame)
        text = "still importing the application after %d s" % waited
        if fields:
            text += ": %(CODE_FILE)s, line %(CODE_LINE)s, in %(CODE_FUNC)s" % fields
        runs = server_of(frame)
        if runs:
            text += " (it runs a server of its own by %s: call that below `if __name__ == \"__main__\":`)" % runs
        self.log.warning(text, fields)
        self.notifier.send("STATUS=" + text.capitalize(), 0.0)


def server_of(frame):
    """The call of another server that a thread is in, as the application makes it; or None."""
    found = None
    while frame is not None:
        for (name, file), call in SERVERS.items():
            if frame.f_code.co_name == name and frame.f_code.co_filename.endswith(file):
                found = call
        frame = frame.f_back
    return found
