"""The first step of a request without a task of its own: most requests have no other.

The step is taken as that of a spare task, so that asyncio.current_task(), and what builds on it, finds one. A
coroutine that waits keeps the task for good. One that has ended leaves it to the next request, unless it has left a
trace: whatever the application has hung on the task, or put into its context, no other request shall meet.
"""

import asyncio
import sys
from asyncio import tasks
from contextvars import copy_context
from types import coroutine
from weakref import getweakrefcount

getrefcount = getattr(sys, "getrefcount", None)
enter_task = getattr(tasks, "_enter_task", None)        # for those who extend asyncio, its documentation says
leave_task = getattr(tasks, "_leave_task", None)


def possible(loop):
    """Whether this interpreter, and what the application has made of the loop, allow it."""
    known = getrefcount is not None and enter_task is not None and leave_task is not None
    return known and sys.version_info >= (3, 11) and loop.get_task_factory() is None


class Spare:
    """A task whose coroutine is still to come."""

    def __init__(self, loop, prepare):
        self.loop = loop
        self.coro = None        # which has taken its first step
        self.waits_for = None   # a future, or None for another turn
        self.parked = None      # a future, while the task waits for a coroutine
        self.over = False
        self.context = copy_context()
        self.context.run(prepare)
        self.before = self.context.copy()
        life = self.live()
        life.send(None)         # so that a task which is cancelled at once has begun all the same
        self.task = task = asyncio.Task(life, loop=loop, context=self.context)
        self.name = task.get_name()
        self.weak = getweakrefcount(task)
        self.references = getrefcount(task)

    def step(self, coro):
        """Takes the first step of ``coro``. False when that was not all: the task is the coroutine's from now on."""
        task = self.task
        enter_task(self.loop, task)
        try:
            self.waits_for = self.context.run(coro.send, None)
        except StopIteration:
            return True
        finally:
            leave_task(self.loop, task)
        self.coro = coro
        self.wake()
        return False

    def clean(self):
        """Whether nobody could tell that the task has had a step."""
        task = self.task
        return (getrefcount(task) == self.references and self.context == self.before
                and getweakrefcount(task) == self.weak and not task._callbacks
                and not task._must_cancel and not task.cancelling() and task.get_name() is self.name
                and not (task.done() if self.parked is None else self.parked.done()))

    def drop(self):
        """Has the task end, as that of a request that is over."""
        self.over = True
        self.wake()

    def wake(self):
        if self.parked is not None and not self.parked.done():
            self.parked.set_result(None)

    async def live(self):
        """What the task runs."""
        return await self.steps()

    @coroutine
    def steps(self):
        error = None
        try:
            yield
            if self.coro is None and not self.over:
                self.parked = self.loop.create_future()
                yield from self.parked
        except BaseException as problem:    # the task was cancelled
            if self.coro is None:
                raise
            error = problem
        if self.coro is not None:
            coro, self.coro = self.coro, None
            waits_for, self.waits_for = self.waits_for, None
            if error is not None and waits_for is not None and waits_for.cancel():
                error = None                # it comes by what the coroutine waits for
            return (yield from resume(coro, waits_for, error))


@coroutine
def resume(coro, waits_for, error):
    """Goes on with a coroutine that waits, or that is to meet an error where it does."""
    while True:
        if error is None:
            try:
                yield waits_for
                break
            except BaseException as problem:
                error = problem
        try:
            waits_for = coro.throw(error)
        except StopIteration as stop:
            return stop.value
        error = None
    return (yield from coro)


# For the stacks of tasks

def is_spare(frame):
    """Whether a frame is one of this module's, and not the application's."""
    return frame.f_code.co_filename == resume.__code__.co_filename


def begun(frame):
    """The coroutine that has taken its first step and is to go on below ``frame``, which is one of this module's."""
    if frame.f_code.co_name == resume.__name__:
        return frame.f_locals["coro"]
    return frame.f_locals["self"].coro
