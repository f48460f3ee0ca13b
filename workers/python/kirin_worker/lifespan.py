"""ASGI's lifespan: one task of the application's that lives as long as the worker."""

import asyncio

from .asgi_scope import LIFESPAN_VERSIONS
from .errors import LoadError
from .trace import format_error, last_line


class Lifespan:
    """``mode`` is auto, on or off. ``state`` is None unless the application takes part."""

    def __init__(self, app, loop, mode, log):
        self.app = app
        self.loop = loop
        self.mode = mode
        self.log = log
        self.state = None
        self.task = None
        self.messages = None        # what receive() gives
        self.answered = None        # a Future: (kind, message)
        self.error = None           # that the application raised
        self.heard = False          # it has taken a message, so that it has a lifespan

    async def startup(self):
        """Returns when the application is ready; LoadError when it says that it cannot be."""
        if self.mode == "off":
            return
        self.state = {}
        self.messages = asyncio.Queue()
        self.task = self.loop.create_task(self._run())
        kind, message = await self._ask("lifespan.startup")
        if kind == "lifespan.startup.complete":
            return
        if kind == "lifespan.startup.failed":
            raise _failed(message)
        self.task, self.state = None, None
        if self.mode == "on" or self.heard:
            raise self._broken()
        if self.error is not None:
            self.log.debug("the application has no lifespan: %s" % last_line(self.error))

    def _broken(self):
        if self.error is None:
            return LoadError("the application's lifespan returned before it said lifespan.startup.complete")
        line = "the application raised in lifespan.startup: " + last_line(self.error)
        return LoadError(line, format_error(self.error))

    async def shutdown(self):
        """Tells the application that the worker ends, and waits for it."""
        if self.task is None or self.task.done():
            return
        kind, message = await self._ask("lifespan.shutdown")
        if kind == "lifespan.shutdown.failed":
            self.log.error("the application's lifespan.shutdown failed: %s" % (message or "without a reason"))
        elif kind is None and self.error is not None:
            self.log.error("error in the application's lifespan\n%s" % format_error(self.error))

    async def _ask(self, kind):
        """Sends a message; gives type and text of the answer, (None, "") when the task ended without one."""
        self.answered = self.loop.create_future()
        self.messages.put_nowait({"type": kind})
        await asyncio.wait([self.answered, self.task], return_when=asyncio.FIRST_COMPLETED)
        return self.answered.result() if self.answered.done() else (None, "")

    async def _run(self):
        scope = {"type": "lifespan", "asgi": LIFESPAN_VERSIONS.copy(), "state": self.state}
        try:
            await self.app(scope, self._receive, self._send)
        except Exception as error:
            self.error = error

    async def _receive(self):
        message = await self.messages.get()
        self.heard = True
        return message

    async def _send(self, message):
        kind = message["type"]
        if not self.answered.done():
            self.answered.set_result((kind, message.get("message", "")))


def _failed(message):
    """The LoadError of lifespan.startup.failed, whose message is a traceback with many frameworks."""
    lines = message.strip().splitlines()
    if not lines:
        return LoadError("the application's lifespan.startup failed and does not say why")
    line = "the application's lifespan.startup failed: " + lines[-1]
    return LoadError(line, message if len(lines) > 1 else "")
