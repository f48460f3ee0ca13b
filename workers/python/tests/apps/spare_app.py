"""What applications do with the task and the context of a request; a path each, as in asgi_app."""

import asyncio
import contextvars
import weakref

VAR = contextvars.ContextVar("var", default="nothing")
MARKS = weakref.WeakKeyDictionary()
KEPT = []
LOG = []


async def answer(send, text):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": str(text).encode()})


async def task(query):
    """The name of the request's task."""
    found = asyncio.current_task()
    assert found in asyncio.all_tasks() and not found.done()
    return found.get_name()


async def var(query):
    """What the context variable was, which is WHAT,SECONDS from now on."""
    before = VAR.get()
    what, seconds = query.split(",")
    token = VAR.set(what)
    if seconds:
        await asyncio.sleep(float(seconds))
        assert VAR.get() == what
        VAR.reset(token)
        VAR.set(what)
    return before


async def mark(query):
    """Whether the task was met before, by a weak reference."""
    before = MARKS.get(asyncio.current_task())
    MARKS[asyncio.current_task()] = query
    return before


async def keep(query):
    """And by one that is not."""
    before = asyncio.current_task() in KEPT
    KEPT.append(asyncio.current_task())
    return before


async def name(query):
    before = asyncio.current_task().get_name()
    asyncio.current_task().set_name("mine")
    return before


async def callback(query):
    """Has the log told of the end of the task."""
    asyncio.current_task().add_done_callback(lambda task: LOG.append("done"))
    return ""


async def wait_for(query):
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.01)
    except asyncio.TimeoutError:
        return "timed out"


async def deadline(query):
    """A scope with a time limit, as asyncio.timeout() and its elders do it."""
    found = asyncio.current_task()
    asyncio.get_running_loop().call_later(0.01, found.cancel)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        getattr(found, "uncancel", int)()
    await asyncio.sleep(0)
    return "timed out"


async def cancel_self(query):
    asyncio.current_task().cancel()
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        return "cancelled"


async def cancel_and_end(query):
    """Is cancelled, and does not wait for anything any more."""
    asyncio.current_task().cancel()
    if query:
        getattr(asyncio.current_task(), "uncancel", int)()
    return "ended"


async def shielded(query):
    """Waits for a task that takes its time to be cancelled."""
    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            LOG.append("put away")
            raise

    child = asyncio.ensure_future(stubborn())
    await asyncio.sleep(0)
    asyncio.current_task().cancel()
    try:
        await child
    except asyncio.CancelledError:
        return LOG.pop()


async def gather(query):
    async def one(number):
        await asyncio.sleep(0.001)
        VAR.set(number)
        return number
    found = await asyncio.gather(*map(one, range(3)))
    return "%s %s" % (found, VAR.get())


async def fire(query):
    """Leaves a task behind, which has the context of the request."""
    async def later():
        await asyncio.sleep(0.02)
        LOG.append("later %s" % VAR.get())
    VAR.set(query)
    KEPT.append(asyncio.ensure_future(later()))
    return ""


async def cancel_others(query):
    """Ends every other task, after the request."""
    async def later():
        for other in asyncio.all_tasks() - {asyncio.current_task()}:
            other.cancel()
        LOG.append("cancelled")
    KEPT.append(asyncio.ensure_future(later()))
    return ""


async def broken_future(query):
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_exception, KeyError("broken"))
    try:
        await future
    except KeyError as error:
        return error.args[0]


async def turns(query):
    for _ in range(3):
        await asyncio.sleep(0)
    return "turned"


async def thread(query):
    return await asyncio.get_running_loop().run_in_executor(None, lambda: "in a thread")


async def generator(query):
    async def numbers():
        for number in range(3):
            await asyncio.sleep(0)
            yield number
    return [number async for number in numbers()]


async def log(query):
    found, LOG[:] = list(LOG), []
    return " ".join(found)


async def broken(query):
    VAR.set("broken")
    raise RuntimeError("before it waits")


async def app(scope, receive, send):
    if scope["type"] == "http":
        await answer(send, await globals()[scope["path"].strip("/")](scope["query_string"].decode()))


class Awaitable:
    """An application that is called for something to await, which is no coroutine."""

    def __init__(self, scope, receive, send):
        self.coro = app(scope, receive, send)

    def __await__(self):
        return self.coro.__await__()


async def awaited(scope, receive, send):
    await Awaitable(scope, receive, send)
