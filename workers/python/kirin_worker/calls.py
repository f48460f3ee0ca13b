"""What kind of callable an application is, told without ``inspect``, whose import takes time."""

CO_COROUTINE = 0x80     # inspect.CO_COROUTINE
CO_VARARGS = 0x04       # inspect.CO_VARARGS


def _is_coroutine_function(function):
    """Whether calling it gives a coroutine."""
    while hasattr(function, "func") and hasattr(function, "keywords"):      # functools.partial
        function = function.func
    function = getattr(function, "__func__", function)
    if getattr(function, "_is_coroutine_mark", None) or getattr(function, "_is_coroutine", None):
        return True             # as inspect.markcoroutinefunction and asgiref mark them
    code = getattr(function, "__code__", None)
    return bool(getattr(code, "co_flags", 0) & CO_COROUTINE)


def is_asgi(app):
    """Whether ``app`` is an ASGI application: a coroutine function, an async __call__, or ASGI 2."""
    if is_double_callable(app):
        return True
    return _is_coroutine_function(app) or _is_coroutine_function(getattr(type(app), "__call__", None))


def _parameters(function):
    """The names of the positional parameters."""
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    return code.co_varnames[:code.co_argcount] if code is not None else ()


def function_arguments(function):
    """The least and the most arguments of a function or method by their places; None for what is neither."""
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(getattr(function, "__func__", None), "__code__", None)
    if code is None:
        return None
    bound = getattr(function, "__self__", None) is not None
    most = code.co_argcount - bound
    least = most - len(getattr(function, "__defaults__", None) or ())
    return least, float("inf") if code.co_flags & CO_VARARGS else most


def takes(function, count):
    """Whether it can be called with so many arguments, as far as can be told."""
    limits = function_arguments(function)
    return limits is None or limits[0] <= count <= limits[1]


def is_double_callable(app):
    """Whether ``app`` is of ASGI 2: app(scope) gives an object that is called with receive and send."""
    if isinstance(app, type):
        return "scope" in _parameters(app.__init__) and _is_coroutine_function(getattr(app, "__call__", None))
    if _is_coroutine_function(app) or _is_coroutine_function(getattr(type(app), "__call__", None)):
        return False
    function = app if hasattr(app, "__code__") else getattr(type(app), "__call__", None)
    return [name for name in _parameters(function) if name != "self"] == ["scope"]


def single_callable(app):
    """An ASGI 3 application of one of ASGI 2."""
    async def single(scope, receive, send):
        await app(scope)(receive, send)
    return single
