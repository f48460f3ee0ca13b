"""Where the tasks of an event loop and the green threads of a hub stand, for the log."""

import asyncio
from traceback import format_list, format_stack, walk_stack, StackSummary

from .asgi_spare import begun, is_spare


def format_tasks(loop, title):
    """Every task of a loop by ``title(task)``, with the stack of its coroutines down to what it waits for.

    One without a title is left out.
    """
    parts = ["where the tasks stand\n"]
    for task in asyncio.all_tasks(loop):
        name = title(task)
        if not name:
            continue
        frames, waits_for = chain(task.get_coro())
        parts.append(name + "\n")
        parts.extend(format_list(StackSummary.extract((frame, frame.f_lineno) for frame in frames)))
        if getattr(task.get_coro(), "cr_running", False):
            parts.append("  runs now, see the threads\n")
        elif waits_for is not None and type(waits_for).__name__ != "FutureIter":    # which says nothing
            parts.append("  waits for %.200r\n" % (waits_for,))
    return "".join(parts)


def chain(coro):
    """The frames of a coroutine and of those that it awaits, outermost first, and what the innermost waits for."""
    frames = []
    while coro is not None:
        frame, inner = inside(coro)
        if frame is None:
            return frames, coro
        if is_spare(frame):
            inner = begun(frame) or inner
        else:
            frames.append(frame)
        coro = inner
    return frames, None


def inside(coro):
    """The frame of a coroutine, generator or asynchronous generator, and what it awaits."""
    for prefix, inner in (("cr_", "cr_await"), ("gi_", "gi_yieldfrom"), ("ag_", "ag_await")):
        frame = getattr(coro, prefix + "frame", None)
        if frame is not None:
            return frame, getattr(coro, inner)
    return None, None


def format_green(greenlets, title):
    """Every green thread by ``title(greenlet, frame)``, with its stack."""
    parts = ["where the green threads stand\n"]
    for found in greenlets:
        frame = found.gr_frame
        if frame is not None:
            parts.append("%s\n" % title(found, frame))
            parts.extend(format_stack(frame))
    return "".join(parts)


def local(frame, code, name):
    """A local variable of the call of ``code`` that ``frame`` is in, else None."""
    for outer, _ in walk_stack(frame):
        if outer.f_code is code:
            return outer.f_locals.get(name)
    return None
