"""The watching thread of a worker with an event loop: the time limit is the loop's, not a request's."""

import asyncio
from time import monotonic

from .asgi_scope import request_line
from .watch import Watch
from .wire import STATUS

BEATS = 4       # how often in a time-out the loop is asked whether it turns


class LoopWatch(Watch):
    """Asks the loop to turn, and ends a process whose loop does not."""

    def __init__(self, server, options, log, notifier):
        Watch.__init__(self, server, options, log, notifier)
        self.asked = 0.0        # when the loop was asked and has not answered, 0 when it has
        self.next_beat = monotonic()

    def pause(self, now):
        due = Watch.pause(self, now)
        return min(due, max(0.0, self.next_beat - now)) if self.timeout else due

    def find_overtime(self, now):
        """Ends a process whose loop has stood still for the time-out."""
        if self.asked and now - self.asked >= self.timeout:
            self.blocked()
        if now < self.next_beat:
            return
        self.next_beat = now + self.timeout / BEATS
        if not self.asked:
            self.asked = now
            try:
                self.server.loop.call_soon_threadsafe(self.beat)
            except RuntimeError:
                self.asked = 0.0        # the loop is closed: the end has come

    def beat(self):
        self.asked = 0.0

    def blocked(self):
        """Says which request blocks the loop, and where all of them stand; then the process is aborted."""
        server = self.server
        exchange = server.tasks.get(asyncio.current_task(server.loop))
        line = request_line(exchange.scope) if exchange is not None else "no request"
        self.log.critical("the event loop has stood still for %g s: %s" % (self.timeout, line))
        self.log.critical(format_tasks(server))
        if exchange is not None:
            exchange.conn.send(STATUS, {"overtime": [exchange.ident]})
        self.abort()

    def busy(self):
        return len(self.server.tasks)


def format_tasks(server):
    """Where every task waits."""
    import io
    parts = ["where the tasks stand\n"]
    for task in asyncio.all_tasks(server.loop):
        exchange = server.tasks.get(task)
        name = request_line(exchange.scope) if exchange is not None else task.get_name()
        text = io.StringIO()
        task.print_stack(file=text)
        parts.append("%s\n%s" % (name, text.getvalue()))
    return "".join(parts)
