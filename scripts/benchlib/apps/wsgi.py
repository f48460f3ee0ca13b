"""WSGI applications of scripts/bench, one a scenario; hello is examples/hello's."""

HEADERS = [("Content-Type", "text/plain; charset=utf-8")]


def constant(body):
    headers = HEADERS + [("Content-Length", str(len(body)))]

    def app(environ, start_response):
        start_response("200 OK", list(headers))
        return [body]
    return app


hello = constant(b"Hello, World!\n")
one_kib = constant(b"x" * 1024)
sixty_four_kib = constant(b"x" * 65536)


def post(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    answer = b"%d" % len(body)
    start_response("200 OK", HEADERS + [("Content-Length", str(len(answer)))])
    return [answer]
