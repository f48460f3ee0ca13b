"""gevent and eventlet behind one face: what green.py needs of either."""

from select import epoll

from .errors import WorkerError
from .forked import renew


class GeventKit:
    """gevent.org"""

    def __init__(self):
        from gevent import get_hub, getcurrent, kill, spawn
        from gevent.event import Event
        from gevent.socket import socketpair, wait_read
        self.spawn = spawn
        self.kill = self.throw = kill
        self.current = getcurrent
        self.rest = lambda: get_hub().switch()
        self.links = lambda thread: thread.has_links()
        self.soon = lambda call, *args: get_hub().loop.run_callback(call, *args)
        self.event = Event
        self.wait_read = wait_read
        self.socketpair = socketpair

    @staticmethod
    def patch():
        from gevent import monkey
        monkey.patch_all()

    @staticmethod
    def after_fork():
        """In a child that was forked behind its back: its hub and its loop begin anew."""
        from gevent import reinit
        reinit()

    @staticmethod
    def after_child():
        """In a child that the application forks. gevent's own fork() does all by itself."""


class EventletEvent:
    """An event that is set once."""

    def __init__(self):
        from eventlet.event import Event
        self.inner = Event()

    def set(self):
        if not self.inner.ready():
            self.inner.send()

    def wait(self):
        self.inner.wait()


class EventletKit:
    """eventlet.net; its makers advise against it for anything new."""

    def __init__(self):
        from eventlet import greenthread, hubs
        from eventlet.green.socket import socketpair
        self.spawn = greenthread.spawn
        self.kill = self.throw = greenthread.kill
        self.current = greenthread.getcurrent
        self.rest = lambda: hubs.get_hub().switch()
        self.links = lambda thread: bool(thread._exit_funcs)
        self.soon = lambda call, *args: hubs.get_hub().schedule_call_global(0, call, *args)
        self.event = EventletEvent
        self.wait_read = lambda fd: hubs.trampoline(fd, read=True)
        self.socketpair = socketpair

    @staticmethod
    def patch():
        from eventlet import monkey_patch
        monkey_patch()

    @staticmethod
    def after_fork():
        """In a child that was forked behind its back: two processes must not share an epoll descriptor."""
        from eventlet import hubs
        hubs.use_hub()

    def after_child(self):
        """In a child that the application forks: its hub goes on, with what is watched, by an epoll of its own."""
        from eventlet import hubs
        hub = hubs.get_hub()
        if isinstance(getattr(hub, "poll", None), epoll):
            masks = {}
            for kind, mask in ((hub.READ, hub.READ_MASK), (hub.WRITE, hub.WRITE_MASK)):
                for fd in hub.listeners[kind]:
                    masks[fd] = masks.get(fd, 0) | mask | hub.EXC_MASK
            renew(hub.poll, masks.items())


KITS = {"gevent": GeventKit, "eventlet": EventletKit}


def patch(name):
    """Patches the standard library, before the application is imported."""
    try:
        KITS[name].patch()
    except ImportError as error:
        raise WorkerError("the worker class %s wants %s, which cannot be imported: %s; install it where the "
                          "application lives (python3-%s in Debian, %s by pip)" % (name, name, error, name, name))


def greenlets():
    """All that there are."""
    import gc

    from greenlet import greenlet
    return [found for found in gc.get_objects() if isinstance(found, greenlet)]
