"""How the kernel schedules a worker: SCHED_BATCH of sched(7).

A worker that wakes then does not push the front off its processor, which meanwhile gathers more requests and
passes more responses on. With two processors that is worth a sixth of the CPU of a short request.
"""

import os

OTHER, BATCH = 0, 3     # of sched.h: PyPy has no names for them


def be_batch():
    """Gives way on waking, unless somebody has decided on another policy. Where that is refused, all stays as it is."""
    try:
        if os.sched_getscheduler(0) == OTHER:
            os.sched_setscheduler(0, BATCH, os.sched_param(0))
    except (AttributeError, OSError):
        pass        # older PyPys have no such functions; a filter of system calls may not allow it
