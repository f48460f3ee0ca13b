"""When a worker has become too old or too large, and is to be replaced."""

import os
from time import monotonic

LOOK = 5.0          # seconds between two looks at the memory
SPREAD = 0.1        # workers that were born together grow old apart, by up to this share of the time
NEVER = float("inf")


def resident():
    """The memory of this process in bytes: its resident set."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Age:
    """Looks at the clock and the memory when it is time to."""

    def __init__(self, options):
        self.limit = options.max_memory << 20
        self.end = NEVER
        if options.max_lifetime:
            self.end = monotonic() + options.max_lifetime * (1 + SPREAD * os.urandom(1)[0] / 255)
        self.due = self.next(monotonic())

    def next(self, now):
        return min(self.end, now + LOOK) if self.limit else self.end

    def over(self, now):
        """(setting, why) when it is time to retire, told once; else None."""
        found = None
        if now >= self.end:
            found = ("max_lifetime", "max_lifetime reached")
        elif self.limit:
            size = resident()
            if size > self.limit:
                why = "max_memory (%d MiB) exceeded: %d MiB" % (self.limit >> 20, size >> 20)
                found = ("max_memory", why)
        self.due = NEVER if found else self.next(now)
        return found
