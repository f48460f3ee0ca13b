"""PEP 3333, corner by corner, over the wire. The applications are in apps/pep.py."""

from tests.case import ServedCase
from tests.front import COMPLETE, INTERIM, RESPONSE, STREAM, environ


class Iterables(ServedCase):
    """What an application may return."""

    def test_kinds(self):
        for target, body, kind in [
                ("/empty", b"", COMPLETE), ("/tuple_", b"one two", COMPLETE), ("/sized", b"alone", COMPLETE),
                ("/closing", b"closed", COMPLETE), ("/sequence", b"old fashioned", STREAM),
                ("/several", b"one two three", STREAM), ("/late_start", b"late", STREAM),
                ("/write", b"written, returned", STREAM), ("/write_all", b"four", COMPLETE),
                ("/subclasses", b"subclass", COMPLETE), ("/kwargs", b"fine", COMPLETE)]:
            with self.subTest(target):
                response = self.get(target)
                self.assertEqual((response.body, response.kind), (body, kind))
                self.assertIn(response.whole, (None, True))

    def test_close_is_called(self):
        self.get("/log")
        self.body("/closing")
        self.assertEqual(self.body("/log"), b"next next close")

    def test_close_is_called_after_an_error(self):
        self.get("/log")
        self.fails("/raises_first", "RuntimeError: first")
        self.assertEqual(self.body("/log"), b"next close")

    def test_error_in_close_is_logged_and_harms_nobody(self):
        self.assertEqual(self.body("/close_raises"), b"body")
        self.worker.wait_log("error in close() of the response: GET /close_raises")

    def test_code_after_the_last_block_runs(self):
        self.get("/log")
        self.assertEqual(self.body("/after_work"), b"body")
        self.assertEqual(self.body("/log"), b"worked")

    def test_wrong_blocks(self):
        for target, message in [("/string", "is int, not bytes: 97"),
                                ("/text", "is str, not bytes: 'text'"),
                                ("/none", "TypeError: 'NoneType' object is not iterable"),
                                ("/write_text", "is str, not bytes")]:
            with self.subTest(target):
                self.fails(target, message)


class Heads(ServedCase):
    """start_response."""

    def test_exc_info_replaces_an_unsent_head(self):
        response = self.get("/replaced")
        self.assertEqual((response.status, response.header("X-Replaced")), ("418 Teapot", "yes"))

    def test_exc_info_is_raised_when_the_head_is_sent(self):
        response = self.get("/too_late")
        self.assertEqual((response.status, response.body, response.whole), ("200 OK", b"begun", False))
        self.worker.wait_log("ValueError: after the fact")

    def test_second_call_without_exc_info(self):
        self.fails("/twice", "WSGIError: start_response was called again without exc_info")

    def test_missing_call(self):
        for target in ("/no_start", "/no_start_stream", "/no_start_empty"):
            with self.subTest(target):
                self.fails(target, "a body before it called start_response")

    def test_unusual_but_right(self):
        response = self.get("/subclasses")
        self.assertEqual(response.headers, [("X-Sub", "class")])
        self.assertIs(type(response.status), str)
        self.assertEqual(self.get("/latin").header("X-Latin"), "caf\xe9")
        self.assertEqual(self.get("/list_headers").header("X-List"), "yes")

    def test_a_list_of_headers_may_be_used_again(self):
        self.wire.batch(["/shared_headers"] * 3)
        self.assertEqual([len(self.wire.answer().headers) for _ in range(3)], [1, 2, 3])

    def test_wrong_heads(self):
        for case, message in [
                ("status-int", "the status is int, not str: 200"),
                ("status-bytes", "the status is bytes, not str: b'200 OK'"),
                ("status-word", "the status does not begin with three digits and a space: 'OK'"),
                ("status-newline", "the status has a control character"),
                ("header-bytes", "a header's name and value must be str: (b'X', b'y')"),
                ("header-int", "a header's name and value must be str: ('X', 1)"),
                ("header-newline", "the header X has a control character: 'a\\r\\nY: b'"),
                ("header-nul", "the header X has a control character"),
                ("header-euro", "the header X has a character outside Latin-1"),
                ("header-surrogate", "the header X has a character outside Latin-1"),
                ("header-triple", "a header is not a (name, value) tuple: ('X', 'y', 'z')"),
                ("header-none", "'NoneType' object is not iterable"),
                ("length-word", "Content-Length is not a number: 'ten'"),
                ("length-minus", "Content-Length is not a number: '-1'"),
                ("name-newline", "the name of a header has a character that it must")]:
            with self.subTest(case):
                self.fails("/bad?" + case, message)


class Failures(ServedCase):
    """What an application may raise, and when."""

    def test_before_the_response(self):
        for target, message in [("/raises", "RuntimeError: told you so"), ("/exits", "SystemExit: leaving"),
                                ("/interrupts", "KeyboardInterrupt"),
                                ("/raises_first", "RuntimeError: first")]:
            with self.subTest(target):
                self.fails(target, message)

    def test_in_the_middle(self):
        response = self.get("/raises_second")
        self.assertEqual((response.status, response.body, response.whole), ("200 OK", b"begun", False))
        self.worker.wait_log("RuntimeError: second")

    def test_log_names_the_request_and_shows_the_application_only(self):
        self.get("/raises?really", method="POST", body=b"x")
        log = self.worker.wait_log("POST /raises?really\nTraceback (most recent call last):\n  File ")
        entry = log[log.index("POST /raises?really"):]
        self.assertIn("in raises\n", entry)
        self.assertNotIn("kirin_worker", entry)

    def test_environ_that_the_application_emptied(self):
        self.fails("/cleared", "error in the application: None None")

    def test_target_cannot_forge_a_line(self):
        self.wire.send(2, [(9, 0, environ("GET", "/raises", RAW_URI="/x\nforged"), None)])
        self.assertEqual(self.wire.answer(9).status, "500 Internal Server Error")
        self.assertNotIn("\nforged", self.worker.wait_log("GET /x\\nforged"))


class Lengths(ServedCase):
    """Content-Length against what the application sends."""

    def test_longer_is_cut(self):
        self.assertEqual(self.body("/too_long"), b"12345")
        self.get("/log")
        self.assertEqual(self.body("/too_long_stream"), b"12345")
        self.assertEqual(self.body("/log"), b"next next next close")

    def test_shorter_is_not_whole(self):
        response = self.get("/too_short_stream")
        self.assertEqual((response.body, response.whole), (b"12345", False))
        self.worker.wait_log("the response has 5 bytes, not the 50 of its Content-Length: GET /too_short")


class Environ(ServedCase):
    """What the worker adds to the front's dict."""

    def test_entries(self):
        lines = self.body("/dump").decode().split("\n")
        for line in ["wsgi.version=(1, 0)", "wsgi.multithread=False", "wsgi.multiprocess=False",
                     "wsgi.run_once=False", "wsgi.input_terminated=True", "gunicorn.socket=None",
                     "wsgi.url_scheme='http'", "RAW_URI='/dump'", "REMOTE_PORT='40000'"]:
            self.assertIn(line, lines)

    def test_input_without_a_body(self):
        self.assertEqual(self.body("/digest")[:8], b"e3b0c442")      # SHA-256 of nothing
        response = self.get("/echo", method="POST", body=b"")
        self.assertEqual((response.status, response.body), ("200 OK", b""))

    def test_every_way_to_read(self):
        body = b"abcd\nefgh\nij\nkl\nmn"
        parts = [b"ab", b"cd\n", b"ef", b"gh\n", b"", b"ij\n", b"kl\n", b"mn", b"", b""]
        wanted = repr(parts).encode()
        self.assertEqual(self.body("/lines", method="POST", body=body), wanted)
        self.assertEqual(self.wire.answer(self.wire.spooled("/lines", body)).body, wanted)

    def test_errors_go_to_the_log_in_whole_lines(self):
        self.get("/errors")
        log = self.worker.wait_log("unfinished")
        self.assertIn("printed to wsgi.errors\nwritten \u20ac in parts\nunfinished", log)


class Hints(ServedCase):
    """wsgi.early_hints."""

    def test_hints_come_before_the_response(self):
        ident = self.wire.request("/hints")
        for link in ("</style.css>", "</second.css>"):
            found, kind, status, headers, body, _ = self.wire.expect(RESPONSE)
            self.assertEqual((found, kind, status, body), (ident, INTERIM, "103 Early Hints", None))
            self.assertTrue(headers[0][1].startswith(link))
        self.assertEqual(self.wire.answer(ident).body, b"hinted")

    def test_none_for_http_1_0_nor_after_the_head(self):
        self.assertEqual(self.body("/hints", SERVER_PROTOCOL="HTTP/1.0"), b"hinted")
        self.assertEqual(self.body("/late_hints"), b"first")
