"""Server hooks in a worker, and in the parent of forked ones."""

import os
import signal
import unittest

from kirin_worker.hook_requests import Request, arity, before, recorder, request_of
from kirin_worker.hookless import Hookless
from kirin_worker.server_hooks import Host
from tests.case import WorkerCase
from tests.front import APPS, environ, scope

CONF = os.path.join(APPS, "conf_hooks.py")
ALL = "post_fork,post_worker_init,worker_int,worker_abort,worker_exit,post_request"


class Requests(unittest.TestCase):
    """What pre_request and post_request get."""

    def test_request(self):
        req = Request(environ("POST", "/a%20b?c=d", **{"wsgi.url_scheme": "https"}))
        self.assertEqual((req.method, req.uri, req.path, req.query), ("POST", "/a%20b?c=d", "/a%20b", "c=d"))
        self.assertEqual((req.scheme, req.version, req.remote_addr), ("https", (1, 1), ("127.0.0.1", 40000)))
        self.assertIn(("USER-AGENT", "test"), req.headers)

    def test_request_of_a_scope(self):
        req, found = request_of(scope("GET", "/x?y=z"))
        self.assertEqual((req.uri, req.query, req.remote_addr), ("/x?y=z", "y=z", ("127.0.0.1", 40000)))
        self.assertEqual(found["PATH_INFO"], "/x")

    def test_arity(self):
        self.assertEqual([arity(hook) for hook in (lambda w, r: 0, lambda w, r, e: 0, lambda w, r, e, s: 0,
                                                   lambda *args: 0)], [2, 3, 4, 4])

    def test_one_request_for_both(self):
        seen = []
        env = environ()
        app = before(lambda worker, req: seen.append(req), "w", lambda environ, start: [b""])
        app(env, None)
        record = recorder(lambda worker, req, environ, resp: seen.extend((req, resp)), "w", None)
        record(env, "200 OK", [("Content-Length", "7")], 7)
        self.assertIs(seen[0], seen[1])
        self.assertEqual((seen[2].status, seen[2].status_code, seen[2].response_length), ("200 OK", 200, 7))
        self.assertNotIn("kirin.hooked", env)

    def test_without_hooks(self):
        app = object()
        self.assertIs(Hookless().wrap(app, False), app)
        self.assertIsNone(Hookless().after())


class Server(unittest.TestCase):
    """The process of the server's own hooks."""

    def load(self, host, text):
        path = os.path.join("/tmp", "kirin-hooks-%d.py" % os.getpid())
        with open(path, "w") as file:
            file.write(text)
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        return host.obey({"do": "load", "conf": path, "settings": {"workers": 3}, "log_level": 6})

    def test_calls(self):
        host = Host()
        self.assertEqual(self.load(host, "seen = []\ndef child_exit(server, worker):\n"
                                         "    seen.append((worker.pid, worker.age, server.num_workers))\n"
                                         "def nworkers_changed(server, new, old):\n    seen.append((new, old))\n"), {})
        host.obey({"do": "started", "pid": 7, "age": 2})
        self.assertIn(7, host.server.WORKERS)
        self.assertEqual(host.obey({"do": "call", "hook": "child_exit", "workers": 5, "pid": 7}), {})
        self.assertEqual(host.obey({"do": "call", "hook": "nworkers_changed", "values": [3, None]}), {})
        self.assertEqual(host.names["seen"], [(7, 2, 5), (3, None)])
        self.assertEqual(host.server.WORKERS, {})

    def test_errors(self):
        host = Host()
        answer = self.load(host, "raise KeyError('x')\n")
        self.assertEqual(answer["error"], "KeyError: 'x'")
        self.load(host, "import sys\ndef on_starting(server):\n    sys.exit(7)\n")
        answer = host.obey({"do": "call", "hook": "on_starting"})
        self.assertEqual(answer["exit"], 7)
        self.assertIn("line 3", answer["trace"])

    def test_revert(self):
        host = Host()
        self.load(host, "mark = 1\n")
        self.load(host, "mark = 2\n")
        host.obey({"do": "revert"})
        self.assertEqual(host.names["mark"], 1)


class InAWorker(WorkerCase):

    def hooked(self, *options, application="slow:app"):
        return self.served(application, "--conf=" + CONF, "--hooks=" + ALL, *options, env={"KIRIN_WORKER": "shop:3"})

    def test_a_life(self):
        for options in ((), ("--class=gthread", "--threads=2")):
            with self.subTest(options):
                worker, wire = self.hooked("--timeout=5", *options)
                wire.get("/x")
                wire.drain()
                self.assertEqual(worker.wait(), 0)
                log = worker.wait_log("[ERROR] worker_exit 1 requests")
                for line in ("[INFO] post_fork True 3", "[INFO] post_worker_init True 5",
                             "[WARNING] post_request GET (1, 1)"):
                    self.assertIn(line, log)

    def test_int(self):
        worker, _ = self.hooked()
        worker.kill(signal.SIGINT)
        self.assertEqual(worker.wait(), 0)
        self.assertLess(worker.log().index("worker_int"), worker.log().index("worker_exit"))

    def test_abort(self):
        worker, wire = self.hooked("--timeout=0.3")
        wire.request("/sleep?60")
        worker.notified("WATCHDOG=trigger")
        self.assertIn("[CRITICAL] worker_abort True", worker.log())

    def test_the_parent_s(self):
        worker = self.start("slow:app", "--preload", "--conf=" + CONF, "--hooks=pre_fork,child_exit," + ALL)
        wires = [worker.connect() for _ in range(2)]
        wires[1].get("/x")
        os.kill(wires[0].hello["pid"], signal.SIGKILL)
        log = worker.wait_log("child_exit %d 1" % wires[0].hello["pid"])
        for line in ("pre_fork [booting] 1", "pre_fork [booting] 2", "post_fork True 1", "post_fork True 2"):
            self.assertIn(line, log)

    def test_the_parent_s_own_end(self):
        for end in ("drain", "term"):
            worker = self.start("slow:app", "--preload", "--conf=" + CONF, "--hooks=child_exit")
            wire = worker.connect()
            wire.get("/x")
            wire.drain() if end == "drain" else worker.kill()
            self.assertEqual(worker.wait(), 0)
            for pid in (wire.hello["pid"], worker.process.pid):
                self.assertRegex(worker.log(), "child_exit %d " % pid)

    def test_a_file_that_fails(self):
        worker = self.start("slow:app", "--conf=/no/such/file.py", "--hooks=post_fork")
        hello = worker.connect().hello
        self.assertEqual(hello["exit"], 3)
        self.assertIn("/no/such/file.py", hello["error"])
        self.assertEqual(worker.wait(), 3)
