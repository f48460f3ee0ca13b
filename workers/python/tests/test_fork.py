"""What an application forks, in every class: each child runs to its own end, and the worker goes on."""

import sys

from tests.case import WorkerCase
from tests.reference import fetch, gunicorn

PYPY = sys.implementation.name == "pypy"

ENDS = (("/waits", "7"), ("/talk", "PING 0"), ("/outlive", "left"), ("/grandchild", "8"), ("/release", "9"),
        ("/preexec", "7"), ("/mp-fork", "7"), ("/mp-spawn", "7"), ("/mp-forkserver", "7"))
OWN = (("/exits", "5"), ("/says", "1"), ("/fails", "1"), ("/back", "0"))


class Children(WorkerCase):
    """One worker a class."""

    def check(self, application, *options, without=()):
        worker, wire = self.served(application, *options)
        for target, wanted in ENDS + OWN + ENDS[:2]:
            if target not in without:
                self.assertEqual((target, wire.get(target).body.decode()), (target, wanted))
        self.beside(wire)
        self.assertEqual(wire.inbox, [])        # no child has answered
        said = worker.log()
        self.assertNotIn("ERROR", said)
        self.assertEqual(said.count("had enough"), 1, said)
        self.assertEqual(said.count("ValueError: of the child"), int("/fails" not in without), said)
        wire.drain()
        self.assertEqual(worker.wait(), 0)

    def beside(self, wire):
        """A child of one request goes on when another is over, whose timer it has, too."""
        wire.batch(["/nap", "/long"])
        self.assertEqual(sorted(wire.answer().body.decode() for _ in range(2)), ["7", "nap"])

    def test_sync(self):
        self.check("forking:app")

    def test_preload(self):
        self.check("forking:app", "--preload")

    def test_gthread(self):
        self.check("forking:app", "--class=gthread", "--threads=2")

    def test_asgi(self):
        self.check("forking:aapp", "--class=asgi", "--asgi-loop=asyncio")

    if not PYPY:    # for which Debian does not have these packages

        def test_gevent(self):
            self.check("forking:app", "--class=gevent")

        def test_eventlet(self):
            self.check("forking:app", "--class=eventlet", without=("/mp-forkserver",))  # which eventlet breaks

        def test_uvloop(self):
            self.check("forking:aapp", "--class=asgi", "--asgi-loop=uvloop")

        def test_tornado(self):
            self.check("forking:tornado_app()", "--class=tornado", without=("/fails",))     # Tornado answers

        def test_wsgi_in_tornado(self):
            self.check("forking:app", "--class=tornado")


class Reference(WorkerCase):
    """Gunicorn, with the same application."""

    def test_gunicorn(self):
        quick = [end for end in ENDS if end[0] not in ("/outlive", "/release")]     # such a child goes on serving there
        for kind, ends in (("sync", ENDS + OWN[:1]), ("gevent", quick)):
            path = gunicorn(self, "--worker-class", kind, "forking:app")
            for target, wanted in ends:
                self.assertEqual((kind, target, fetch(path, target).decode()), (kind, target, wanted))
