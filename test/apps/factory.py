"""Callables to be reached in every way that MODULE:CALLABLE has."""


def create_app(name="default", *, debug=True, options=None):
    def made(environ, start_response):
        body = ("%s debug=%r options=%r\n" % (name, debug, options)).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    return made


def create_nothing():
    return None


def create_failure():
    raise RuntimeError("the factory fails")


class Holder:
    class Inner:
        app = staticmethod(create_app("attribute path"))


class Callable:
    """An instance with __call__ is an application as good as a function."""

    def __call__(self, environ, start_response):
        return create_app("instance")(environ, start_response)


instance = Callable()
application = create_app("the default name")
text = "not callable"
