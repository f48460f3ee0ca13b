"""The asgi class: its http scope and its lifespan."""

import os
import sys
import time

from tests.case import Gate, ServedCase, WorkerCase
from tests.front import APPS, CANCEL, COMPLETE, DRAIN, FILE, INTERIM, PATIENCE, RESPONSE, STREAM
from tests.reference import fetch, uvicorn


class ASGICase(ServedCase):

    application = "asgi_app:app"
    options = ("--class=asgi",)

    def fails(self, target, message):
        response = self.get(target)
        self.assertEqual((response.status, response.body), ("500", b"Internal Server Error"))
        self.worker.wait_log(message)

    def body(self, target, **extra):
        response = self.get(target, **extra)
        self.assertEqual(response.status, "200")
        self.assertIn(response.whole, (None, True))
        return response.body

    def wait_app_log(self, text):
        """Waits until the application's own log says ``text``."""
        found, end = [], time.monotonic() + PATIENCE
        while text not in found:
            self.assertLess(time.monotonic(), end, found)
            found += filter(None, self.body("/log").decode().split("\n"))


class Requests(ASGICase):

    def test_hello(self):
        hello = self.wire.hello
        self.assertEqual((hello["class"], hello["interface"]), ("asgi", "asgi"))
        self.assertEqual((hello["slots"], hello["timed"]), (1000, False))

    def test_scope(self):
        lines = self.body("/dump?a=%20b").decode().split("\n")
        for line in ("type='http'", "asgi={'version': '3.0', 'spec_version': '2.5'}", "path='/dump'",
                     "query_string=b'a=%20b'", "raw_path=b'/dump'", "root_path=''",
                     "client=('127.0.0.1', 40000)", "http_version='1.1'"):
            self.assertIn(line, lines)
        self.assertNotIn("state=", "\n".join(lines))

    def test_body(self):
        for body in (None, b"", b"x", b"x" * 65536):
            response = self.get("/echo", "POST", body)
            self.assertEqual((response.body, response.header("x-messages")), (body or b"", "1"))

    def test_spooled_body(self):
        body = bytes(range(256)) * 1000
        response = self.wire.answer(self.wire.spooled("/echo", body))
        self.assertEqual((response.body, response.header("x-messages")), (body, "4"))

    def test_many_at_once(self):
        gates = [Gate(self) for _ in range(50)]
        idents = self.wire.batch(["/until?" + gate.path for gate in gates] + ["/hello"])
        self.assertEqual(self.wire.answer().ident, idents[-1])
        for gate in gates:
            gate.reached()
        for gate in gates:
            gate.open()
        self.assertEqual(sorted(self.wire.answer().ident for _ in idents[:-1]), idents[:-1])

    def test_responses_of_a_batch_share_a_frame(self):
        self.wire.batch(["/hello"] * 8)
        found, value = self.wire.read()
        self.assertEqual((found, len(value)), (RESPONSE, 8))
        self.wire.inbox.clear()

    def test_more_than_the_socket_holds(self):
        """A front that is slow to read loses nothing, with uvloop as with asyncio."""
        idents = self.wire.batch(["/large?65536"] * 40)
        answers = [self.wire.answer() for _ in idents]
        self.assertEqual(sorted(answer.ident for answer in answers), idents)
        self.assertEqual({len(answer.body) for answer in answers}, {65536})

    def test_background(self):
        """The front may use the id again as soon as it has the response."""
        self.assertEqual(self.body("/after"), b"first")
        self.wire.ident -= 1
        self.assertEqual(self.body("/hello"), b"hello")
        self.wait_app_log("background")


class Responses(ASGICase):

    def test_kinds(self):
        for target, kind, size in (
                ("/hello", COMPLETE, 5), ("/large?65536", COMPLETE, 65536), ("/large?65537", FILE, 65537),
                ("/stream?3,10", STREAM, 30),
                ("/stream?3,100000", STREAM, 300000)):
            with self.subTest(target):
                response = self.get(target)
                self.assertEqual((response.status, response.kind, len(response.body)), ("200", kind, size))
                self.assertIn(response.whole, (None, True))

    def test_two_parts(self):
        """Parts that follow each other at once are one answer, unless the machine has other work meanwhile."""
        responses = [self.get("/two_parts") for _ in range(20)]
        self.assertEqual({bytes(response.body) for response in responses}, {b"one two"})
        self.assertIn(COMPLETE, [response.kind for response in responses])

    def test_back_pressure(self):
        """The application waits for a client that does not read."""
        ident = self.wire.request("/flood?%d" % (16 << 20))
        response = self.wire.answer(ident, read_stream=False)
        self.assertEqual(self.body_of_log(), "")
        size = len(response.body)
        response.pipe.settimeout(PATIENCE)
        while size < 16 << 20:
            data = response.pipe.recv(1 << 20)
            self.assertTrue(data)
            size += len(data)
        self.assertEqual(response.pipe.recv(1), b"")
        self.assertEqual(self.wire.expect(RESPONSE)[1:5], (3, 1, None, 16 << 20))
        self.wait_app_log("left 0")

    def body_of_log(self):
        other = self.worker.connect()
        time.sleep(0.1)     # for an application that would not wait
        return other.get("/log").body.decode()

    def test_early_hints(self):
        ident = self.wire.request("/hints")
        hint = [("link", "</a.css>; rel=preload")]
        self.assertEqual(self.wire.expect(RESPONSE)[:5], (ident, INTERIM, "103", hint, None))
        self.assertEqual(self.wire.answer(ident).body, b"hinted")

    def test_early_hints_after_the_start(self):
        """That is where the specification has them; when the head is on its way, it is too late."""
        ident = self.wire.request("/late_hints")
        self.assertEqual(self.wire.expect(RESPONSE)[:3], (ident, INTERIM, "103"))
        self.assertEqual(self.wire.answer(ident).body, b"hinted")

    def test_head_without_body(self):
        """The head does not wait for a body that takes its time."""
        ident = self.wire.request("/slow_body")
        response = self.wire.answer(ident, read_stream=False)
        self.assertEqual((response.kind, response.status, response.body), (STREAM, "200", b""))
        self.addCleanup(response.pipe.close)
        self.get("/slow_body_go")
        self.assertEqual(response.pipe.recv(10), b"body")

    def test_no_early_hints_in_http_1_0(self):
        self.assertEqual(self.get("/hints", http_version="1.0").body, b"hinted")

    def test_pathsend(self):
        with open(os.path.join(APPS, "asgi_app.py"), "rb") as file:
            self.assertEqual(self.body("/path"), file.read())

    def test_trailers(self):
        ident = self.wire.request("/trailers")
        response = self.wire.answer(ident, read_stream=False)
        self.assertEqual((response.kind, response.body), (STREAM, b"body"))
        self.assertEqual(self.wire.expect(RESPONSE)[:5], (ident, 3, 1, [("x-sum", "1"), ("x-end", "2")], 4))

    def test_mistakes(self):
        for target, message in (
                ("/raise_before", "RuntimeError: before"),
                ("/raise_after_start", "RuntimeError: after start"),
                ("/nothing", "the application returned before its response was complete"),
                ("/twice", "http.response.start was sent twice"),
                ("/body_first", "before http.response.start"),
                ("/odd_message", "'http.response.odd' is not a message"),
                ("/odd_body", "the body is str, not bytes"),
                ("/odd_status", "the status is not a number"),
                ("/odd_headers", "headers must be pairs of byte strings"),
                ("/injection", "has a control character"), ("/missing", "KeyError")):
            with self.subTest(target):
                self.fails(target, message)

    def test_a_mistake_has_a_short_traceback(self):
        self.fails("/odd_headers", "headers must be pairs of byte strings")
        self.assertNotIn("During handling", self.worker.log())

    def test_mistake_in_a_stream(self):
        response = self.get("/raise_in_stream")
        self.assertEqual((response.status, response.body, response.whole), ("200", b"x", False))
        self.worker.wait_log("RuntimeError: in stream")

    def test_more_than_the_last_part(self):
        """It is ignored."""
        self.assertEqual(self.body("/too_much"), b"x")
        self.wait_app_log("too much")
        self.assertNotIn("/too_much", self.worker.log())


class Disconnect(ASGICase):

    options = ("--class=asgi", "--asgi-disconnect-grace-period=0.05")

    def test_receive(self):
        ident = self.wire.request("/listen")
        self.wait_app_log("listening")
        self.wire.send(CANCEL, [ident])
        self.assertEqual(self.wire.expect(RESPONSE)[0], ident)
        self.wait_app_log("http.disconnect")

    def test_send(self):
        ident = self.wire.request("/endless")
        response = self.wire.answer(ident, read_stream=False)
        self.wire.send(CANCEL, [ident])
        response.pipe.close()
        self.assertEqual(self.wire.expect(RESPONSE)[:3], (ident, 3, 0))
        self.wait_app_log("ClientDisconnected")

    def test_cancelled_after_a_while(self):
        ident = self.wire.request("/deaf")
        self.wait_app_log("begun")
        self.wire.send(CANCEL, [ident])
        self.assertEqual(self.wire.expect(RESPONSE)[0], ident)
        self.wait_app_log("cancelled")
        self.assertNotIn("CancelledError", self.worker.log())

    def test_front_gone(self):
        other = self.worker.connect()
        other.request("/listen")
        self.wait_app_log("listening")
        other.close()
        self.wait_app_log("http.disconnect")


class End(WorkerCase):

    def start(self, application="asgi_app:app", *options, **settings):
        return WorkerCase.start(self, application, "--class=asgi", *options, **settings)

    def test_drain(self):
        worker, wire = self.served()
        ident = wire.request("/sleep?0.2")
        wire.send(DRAIN, None)
        self.assertEqual(wire.answer(ident).body, b"slept")
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)

    def test_drain_waits_for_what_goes_on_after_the_response(self):
        worker, wire = self.served()
        wire.request("/after")
        wire.send(DRAIN, None)
        self.assertTrue(wire.ended())
        self.assertEqual(worker.wait(), 0)

    def test_terminate(self):
        worker, wire = self.served()
        ident = wire.request("/sleep?0.2")
        worker.kill()
        self.assertIn("stopping", wire.expect(6))
        wire.send(DRAIN, None)
        self.assertEqual(wire.answer(ident).body, b"slept")
        self.assertEqual(worker.wait(), 0)

    def test_interrupt(self):
        worker, wire = self.served()
        wire.request("/sleep?60")
        wire.get("/hello")
        worker.kill(2)
        self.assertEqual(worker.wait(), 0)
        self.assertNotIn("Traceback", worker.log())

    def test_graceful_time_out(self):
        worker, wire = self.served("asgi_app:app", "--graceful-timeout=0.2")
        wire.request("/sleep?60")
        wire.get("/hello")
        worker.kill()
        self.assertEqual(worker.wait(), 0)
        worker.wait_log("graceful time-out")

    def test_blocked_loop(self):
        worker, wire = self.served("asgi_app:app", "--timeout=1", notify=True)
        wire.request("/sleep?600")
        ident = wire.request("/block?600")
        self.assertEqual(wire.expect(6), {"overtime": [ident]})
        worker.notified("WATCHDOG=trigger")
        worker.kill(6)
        self.assertEqual(worker.wait(), -6)
        log = worker.wait_log("in block")
        self.assertIn("the event loop has stood still for 1 s: GET /block?600", log)
        self.assertRegex(log, r"Task-\d+ \(GET /sleep\?600\)\n(.*\n)*.*await asyncio.sleep")

    def test_a_slow_request_is_not_over_its_time(self):
        _, wire = self.served("asgi_app:app", "--timeout=0.2")
        self.assertEqual(wire.get("/sleep?0.7").body, b"slept")


class Lifespan(WorkerCase):

    def start(self, application, *options, **settings):
        return WorkerCase.start(self, application, "--class=asgi", *options, **settings)

    def test_startup_and_shutdown(self):
        worker, wire = self.served('asgi_app:lifespan("good")')
        self.assertEqual(wire.get("/state").body, b"[('db', 'pool'), ('mine', 1)]")
        self.assertEqual(wire.get("/dump").body.count(b"'db': 'pool'}"), 1)     # each request has a copy
        wire.send(DRAIN, None)
        self.assertEqual(worker.wait(), 0)
        worker.wait_log("shutting down")

    def refused(self, application, *options):
        worker = self.start(application, *options)
        wire = worker.connect()
        self.assertEqual(worker.wait(), 4)
        return wire.hello["error"]

    def test_failed(self):
        self.assertEqual(self.refused('asgi_app:lifespan("fail")'),
                         "the application's lifespan.startup failed: no database")

    def test_raised(self):
        self.assertIn("RuntimeError: broken startup", self.refused('asgi_app:lifespan("raise")'))

    def test_on(self):
        self.assertIn("ValueError: no lifespan here", self.refused("asgi_app:app", "--asgi-lifespan=on"))

    def test_off(self):
        _, wire = self.served('asgi_app:lifespan("fail")', "--asgi-lifespan=off")
        self.assertEqual(wire.get("/hello").body, b"hello")


class Auto(WorkerCase):

    def test_recognised(self):
        for application, kind in (("pep:app", "sync"), ("asgi_app:app", "asgi"),
                                  ("asgi_app:instance", "asgi"),
                                  ("asgi_app:Two", "asgi"), ('asgi_app:lifespan("good")', "asgi")):
            with self.subTest(application):
                _, wire = self.served(application, "--class=auto")
                self.assertEqual(wire.hello["class"], kind)
                self.assertIn(wire.get("/hello").status, ("200", "500 Internal Server Error"))


class LoopOfTheImport(WorkerCase):
    """What the application begins when it is imported runs in the worker's loop."""

    def test_task_and_future(self):
        kinds = [("--class=asgi", "--asgi-loop=asyncio"), ("--class=auto",), ("--class=asgi", "--preload"),
                 ("--class=auto", "--preload")]
        if sys.implementation.name == "cpython":
            kinds.append(("--class=asgi", "--asgi-loop=uvloop"))
        for options in kinds:
            with self.subTest(options):
                worker, wire = self.served("early_loop:app", *options)
                for _ in range(2):
                    self.assertEqual(wire.get("/").body, b"begun")

    def test_uvicorn(self):
        self.assertEqual(fetch(uvicorn(self, "early_loop:app")), b"begun")
