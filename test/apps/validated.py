"""An application under the validator of the standard library, which checks both sides of PEP 3333."""

from wsgiref.validate import validator


def ways_of_reading(stream):
    """Use every method of wsgi.input that the PEP promises, in a way that the validator accepts."""
    first = stream.read(1)
    line = stream.readline()
    lines = stream.readlines(10)
    rest = b"".join(stream)
    return first + line + b"".join(lines) + rest + stream.read(0)


def inner(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/echo":
        body = ways_of_reading(environ["wsgi.input"])
    else:
        body = b"valid\n"
    if path == "/nothing":
        start_response("204 No Content", [])
        return []
    if path == "/write":
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(body)
        return []
    start_response("200 OK", [("Content-Type", "text/plain")])
    environ["wsgi.errors"].write("from the validated application\n")
    environ["wsgi.errors"].flush()
    if path == "/generator":
        return (body[i:i + 1] for i in range(len(body)))
    return [body]


app = validator(inner)
