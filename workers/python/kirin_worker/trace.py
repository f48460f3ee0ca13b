"""Tracebacks without the frames of the runtime itself. Imports ``traceback`` only when one is wanted."""

import os


def _own(tb):
    """Whether the frame is the runtime's, or of the import machinery that it called."""
    name = tb.tb_frame.f_code.co_filename
    return os.path.dirname(name) == HERE or name.startswith("<frozen importlib")


HERE = os.path.dirname(_own.__code__.co_filename)


def application_part(tb):
    """The traceback from the application's first frame on; None when it has none."""
    while tb is not None and _own(tb):
        tb = tb.tb_next
    return tb


def format_error(error):
    """The traceback as Python prints it, from the application's first frame; ends with a newline."""
    from traceback import format_exception
    tb = application_part(error.__traceback__) or error.__traceback__
    return "".join(format_exception(type(error), error, tb))


def last_line(error):
    """``TypeName: message`` in one line."""
    from traceback import format_exception_only
    return format_exception_only(type(error), error)[-1].strip()
