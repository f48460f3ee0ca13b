"""The worker under wsgiref's validator, which checks the server as much as the application."""

from tests.case import ServedCase


class Validated(ServedCase):

    application = "validated:app"

    def test_requests(self):
        for target, method, body in [("/", "GET", None), ("/?a=b", "GET", None), ("/", "HEAD", None),
                                     ("/", "POST", b"posted"), ("/list", "GET", None),
                                     ("/write", "GET", None)]:
            with self.subTest(target=target, method=method):
                env = {"CONTENT_TYPE": "text/plain"} if body else {}
                response = self.get(target, method, body, **env)
                self.assertEqual(response.status, "200 OK", self.worker.log())
                if method == "POST":
                    self.assertEqual(response.body, b"posted")
        self.assertEqual(self.worker.log().count("AssertionError"), 0)

    def test_spooled_body(self):
        self.wire.ident += 1
        response = self.wire.answer(self.wire.spooled("/", b"x" * 100000))
        self.assertEqual(len(response.body), 100000)


class ValidatedThreads(Validated):

    options = ("--class=gthread", "--threads=3")
