"""The watching thread of a worker with an event loop: the time limit is the loop's, not a request's."""

from time import monotonic

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
                self.server.poke(self.beat)
            except RuntimeError:
                self.asked = 0.0        # the loop is closed: the end has come

    def beat(self):
        self.asked = 0.0

    def blocked(self):
        """Says which request blocks the loop, and where all of them stand; then the process is aborted."""
        current = self.server.current()
        line = "no request" if current is None else current[2]
        fields = self.fields(current and current[3], self.server.thread)
        self.log.critical("the event loop has stood still for %g s: %s" % (self.timeout, line), fields)
        self.log.critical(self.server.format_stacks())
        if current is not None:
            current[0].send(STATUS, {"overtime": [current[1]]})
        self.abort()
