"""Runs parts side by side, each when those that it waits for have ended."""

import threading
import traceback

from . import tools

SLOTS = 4   # parts at a time: most of their tests wait for something, and not for a processor


def run(kinds, context, report, slots=SLOTS):
    """Run the parts, {name: parts.Kind} in the order in which they are to begin."""
    waiting = dict(kinds)
    running = {}
    change = threading.Condition()

    def work(name, kind):
        part = report.begin(name)
        try:
            kind.run(context, part)
        except Exception:   # of this program; the other parts go on
            part.count("scripts/test", False, traceback.format_exc())
        report.end(part)
        with change:
            del running[name]
            change.notify()

    try:
        with change:
            while waiting or running:
                for name, kind in ready(waiting, running)[:max(0, slots - len(running))]:
                    del waiting[name]
                    running[name] = threading.Thread(target=work, args=(name, kind))
                    running[name].start()
                change.wait()
    except BaseException:   # a signal that ends this process
        tools.processes.end()
        raise


def ready(waiting, running):
    """Those that wait for none that is still to come or to end."""
    return [(name, kind) for name, kind in waiting.items()
            if not any(other in waiting or other in running for other in kind.after)]
