"""An application that does as PEP 3333 says, and a validator that sees to it that the server does."""

from wsgiref.validate import validator


def inner(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"nothing"
    for _ in (environ["wsgi.input"].readline(10), environ["wsgi.input"].readlines(10)):
        pass
    environ["wsgi.errors"].write("")
    environ["wsgi.errors"].writelines([])
    environ["wsgi.errors"].flush()
    if environ["REQUEST_METHOD"] == "HEAD":
        body = b""
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    write = start_response("200 OK", headers)
    if environ["PATH_INFO"] == "/write":
        write(body)
        return []
    if environ["PATH_INFO"] == "/list":
        return [body]
    return iter([body])


app = validator(inner)
