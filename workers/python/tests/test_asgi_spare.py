"""Requests of the asgi class that end with their first step share a task and nothing else; those that wait do not."""

import asyncio
import sys
import time
import unittest

from kirin_worker.asgi_spare import Spare as SpareTask
from kirin_worker.asgi_spare import possible
from kirin_worker.journal import REQUEST
from tests.case import ServedCase, WorkerCase
from tests.front import PATIENCE

SHARED = sys.version_info >= (3, 11) and sys.implementation.name == "cpython"


class Spare(ServedCase):

    application = "spare_app:app"
    options = ("--class=asgi", "--asgi-loop=asyncio")

    def all(self, *targets):
        """The answers to requests of one frame, in their order."""
        idents = self.wire.batch(targets)
        found = {}
        for _ in idents:
            response = self.wire.answer()
            self.assertEqual(response.status, "200", self.worker.log())
            found[response.ident] = response.body.decode()
        return [found[ident] for ident in idents]

    def one(self, target):
        return self.all(target)[0]

    def wait_app_log(self, text):
        found, end = "", time.monotonic() + PATIENCE
        while text not in found:
            self.assertLess(time.monotonic(), end, found)
            found += self.one("/log")

    def test_a_task_is_shared(self):
        names = self.all(*["/task"] * 4) + [self.one("/task")]
        self.assertEqual(len(set(names)), 1 if SHARED else 5, names)

    def test_not_by_one_that_waits(self):
        before, _, after = self.one("/task"), self.one("/turns"), self.one("/task")
        self.assertNotEqual(before, after)

    def test_context(self):
        self.assertEqual(self.all("/var?a,", "/var?b,", "/var?c,0.01", "/var?d,"), ["nothing"] * 4)
        self.assertEqual(self.one("/var?e,"), "nothing")

    def test_what_is_hung_on_a_task(self):
        self.assertEqual(self.all("/mark?1", "/mark?2", "/mark?3"), ["None"] * 3)
        self.assertEqual(self.all("/keep", "/keep", "/keep"), ["False"] * 3)
        self.assertNotIn("mine", self.all("/name", "/name", "/name"))

    def test_end_of_a_task(self):
        self.one("/callback")
        self.wait_app_log("done")

    def test_waiting(self):
        for target, answer in (
                ("/wait_for", "timed out"), ("/deadline", "timed out"), ("/cancel_self", "cancelled"),
                ("/shielded", "put away"), ("/gather", "[0, 1, 2] nothing"), ("/broken_future", "broken"),
                ("/turns", "turned"), ("/thread", "in a thread"), ("/generator", "[0, 1, 2]")):
            with self.subTest(target):
                self.assertEqual(self.all("/task", target, target, "/task")[1:3], [answer] * 2)    # in a new task
                self.one("/task")
                self.one("/task")       # the loop has turned: the task has come to rest
                self.assertEqual(self.one(target), answer)
        self.assertNotIn("Traceback", self.worker.log())

    def test_cancelled_too_late(self):
        self.assertEqual(self.all("/cancel_and_end", "/cancel_and_end?back", "/turns"), ["ended", "ended", "turned"])
        self.assertEqual(self.one("/turns"), "turned")

    def test_a_task_that_stays(self):
        self.one("/fire?mine")
        self.assertEqual(self.one("/var?other,"), "nothing")
        self.wait_app_log("later mine")

    def test_all_others_cancelled(self):
        self.one("/cancel_others")
        self.wait_app_log("cancelled")
        self.assertEqual(self.all("/task", "/turns")[1], "turned")


class SpareByDefault(Spare):
    """With uvloop where that is installed."""

    options = ("--class=asgi",)


class Noted(unittest.TestCase):
    """With the journal, a request is noted in the context; when it is over that counts for nothing."""

    def setUp(self):
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)

    def test_possible(self):
        self.assertEqual(possible(self.loop), SHARED)
        self.loop.set_task_factory(lambda loop, coro, **more: asyncio.Task(coro, loop=loop, **more))
        self.assertFalse(possible(self.loop))       # the application wants to make its tasks itself

    def test_note(self):
        async def request(*notes):
            for note in notes:
                REQUEST.set(note)

        if SHARED:
            spare = SpareTask(self.loop, lambda: REQUEST.set(None))
            for notes, clean in (({}, None), True), (({},), False):
                self.assertTrue(spare.step(request(*notes)))
                self.assertEqual(spare.clean(), clean, notes)
            spare.drop()
            self.loop.run_until_complete(spare.task)


class Broken(WorkerCase):

    def test_context_after_an_error(self):
        worker, wire = self.served("spare_app:app", "--class=asgi")
        self.assertEqual(wire.get("/broken").status, "500")
        self.assertEqual(wire.get("/var?a,").body, b"nothing")
        worker.wait_log("RuntimeError: before it waits")


class Awaitable(ServedCase):

    application = "spare_app:awaited"
    options = ("--class=asgi",)

    def test_no_coroutine(self):
        self.assertEqual(self.get("/turns").body, b"turned")


class Stacks(WorkerCase):

    def test_of_a_request_that_has_just_begun_to_wait(self):
        worker, wire = self.served("asgi_app:app", "--class=asgi", "--timeout=1", notify=True)
        wire.get("/hello")
        wire.batch(["/sleep?600", "/sleep?601", "/block?600"])
        worker.notified("WATCHDOG=trigger")
        log = worker.wait_log("where the tasks stand")
        self.assertIn("the event loop has stood still for 1 s: GET /block?600", log)
        for target in ("600", "601"):
            self.assertRegex(log, r"Task-\d+ \(GET /sleep\?%s\)\n(.*\n)*?.*await asyncio.sleep" % target)
        self.assertRegex(log, r"Task-\d+ \(GET /block\?600\)")
        self.assertNotIn("asgi_spare.py", log.split("where the tasks stand")[1].split("Thread")[0])
