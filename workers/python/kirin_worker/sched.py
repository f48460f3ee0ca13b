"""How the kernel schedules a worker: SCHED_BATCH of sched(7) under load, when requests come several at a time.

A worker that wakes then does not push the front off its processor, which meanwhile gathers more requests and
passes more responses on. With two processors that is worth a fifth of the CPU of a short request. When requests come
one by one there is nothing to gather, and one of them should not have to wait for another program's slice.
"""

import os
from time import monotonic

OTHER, BATCH = 0, 3     # of sched.h: PyPy has no names for them
LOOK = 32               # reads between two decisions
MANY, FEW = 2.0, 1.3    # requests a read, from which and to which on
PAUSE = 5.0             # seconds without it after it had to end: it may be why requests came one by one


class Policy:
    """The policy of a worker's threads. What somebody else has decided on stays."""

    def __init__(self, threads):
        self.threads = threads      # gives their ids, 0 for the calling one
        self.batch = False
        self.not_before = 0.0
        self.reads = self.requests = 0
        try:
            self.ours = os.sched_getscheduler(0) == OTHER
        except (AttributeError, OSError):
            self.ours = False       # older PyPys have no such functions

    def came(self, requests):
        """So many requests were read together."""
        self.reads += 1
        self.requests += requests
        if self.reads == LOOK:
            self.decide(self.requests / LOOK)
            self.reads = self.requests = 0

    def decide(self, mean):
        if not self.ours:
            return
        if self.batch and mean <= FEW:
            self.batch = False
            self.not_before = monotonic() + PAUSE
            self.apply(OTHER)
        elif not self.batch and mean >= MANY and monotonic() >= self.not_before:
            self.batch = True
            self.apply(BATCH)

    def apply(self, policy):
        for thread in self.threads():
            try:
                os.sched_setscheduler(thread, policy, os.sched_param(0))
            except ProcessLookupError:
                pass                # it has ended
            except OSError:
                self.ours = False   # a filter of system calls does not allow it
                return
