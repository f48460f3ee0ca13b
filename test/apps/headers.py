"""Unusual but lawful answers: a status by number, repeated and old headers, early hints, no body."""

PHRASES = {"204": "No Content", "304": "Not Modified", "205": "Reset Content", "404": "Not Found", "299": "Odd"}


def line(code):
    return "%s %s" % (code, PHRASES.get(code, "Some"))


def status(code, environ, start_response):
    """/status/CODE: that status with a body, which 204 and 304 must not show."""
    start_response(line(code), [("Content-Type", "text/plain"), ("ETag", '"x"')])
    return [b"a body for %s\n" % code.encode()]


def status_with_length(code, environ, start_response):
    start_response(line(code), [("Content-Length", "11")])
    return [b"eleven more" if environ["REQUEST_METHOD"] != "HEAD" else b""]


def hints(_, environ, start_response):
    early = environ.get("wsgi.early_hints")
    if early:
        early([("Link", "</style.css>; rel=preload; as=style"), ("Link", "</app.js>; rel=preload")])
        early([("Link", "</more.css>; rel=preload")])
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Had-Hints", str(bool(early)))])
    return [b"after the hints\n"]


def repeated(_, environ, start_response):
    start_response("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Latin", "caf\xe9"), ("x-case", "kept")])
    return [b"cookies\n"]


def hop_by_hop(_, environ, start_response):
    start_response("200 OK", [("Connection", "keep-alive"), ("Keep-Alive", "timeout=99"),
                              ("Transfer-Encoding", "chunked"), ("Server", "mine"), ("X-Kept", "yes")])
    return [b"0123456789"]


def close(_, environ, start_response):
    start_response("200 OK", [("Connection", "close"), ("Content-Length", "4")])
    return [b"bye\n"]


def empty(_, environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return []


def length_zero(_, environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return []


def empty_pieces(_, environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"", b"one ", b"", b"two\n", b""]


def date(_, environ, start_response):
    start_response("200 OK", [("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Content-Length", "0")])
    return []


def app(environ, start_response):
    name, _, rest = environ["PATH_INFO"].strip("/").partition("/")
    return globals()[name.replace("-", "_")](rest, environ, start_response)
