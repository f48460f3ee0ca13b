"""Tracebacks without the frames of the runtime itself. Imports ``traceback`` only when one is wanted."""

import os

from .errors import WSGIError


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
    """The traceback as Python prints it, from the application's first frame on; ends with a newline.

    What is wrong with what the application returned (errors.WSGIError) has no such frame, and is told without
    a traceback.
    """
    from traceback import format_exception
    tb = application_part(error.__traceback__)
    if tb is None and not isinstance(error, (WSGIError, ImportError, SyntaxError)):
        tb = error.__traceback__
    return "".join(format_exception(type(error), error, tb))


def code_fields(file, line, function):
    """The journal's fields of a place in the code."""
    return {"CODE_FILE": file, "CODE_LINE": line, "CODE_FUNC": function}


def place(error):
    """The fields of where ``error`` was raised: the innermost frame that is the application's own, else a library's."""
    if isinstance(error, SyntaxError) and error.filename:
        return code_fields(error.filename, error.lineno or 0, "")
    tb = error.__traceback__
    frames = []
    while tb is not None:
        frames.append((tb.tb_frame.f_code, tb.tb_lineno))
        tb = tb.tb_next
    return _innermost(reversed(frames))


def standing(frame):
    """The fields of where a thread stands that is in ``frame``."""
    frames = []
    while frame is not None:
        frames.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return _innermost(frames)


def _innermost(frames):
    """Of (code, line) from the inside out."""
    found = {}
    for code, line in frames:
        name = code.co_filename
        if os.path.dirname(name) == HERE or name.startswith("<"):
            continue
        fields = code_fields(name, line, code.co_name)
        if not any(part in name for part in LIBRARIES):
            return fields
        found = found or fields
    return found


LIBRARIES = ("/site-packages/", "/dist-packages/", os.path.dirname(os.__file__) + os.sep)


def last_line(error):
    """``TypeName: message`` in one line."""
    from traceback import format_exception_only
    return " ".join(format_exception_only(type(error), error)[-1].split("\n")).strip()


def find_local(thread, function, name):
    """A local variable of ``function`` where ``thread`` is in a call of it right now, else None."""
    import sys
    frame = sys._current_frames().get(thread)
    while frame is not None and frame.f_code is not function.__code__:
        frame = frame.f_back
    return None if frame is None else frame.f_locals.get(name)


def format_stacks():
    """Where every thread stands."""
    import sys
    from traceback import format_stack
    parts = ["where the threads stand\n"]
    for ident, frame in sys._current_frames().items():
        parts.append("Thread %#x:\n" % ident)
        parts.extend(format_stack(frame))
    return "".join(parts)
