"""Dirty workers: an arbiter, its workers and their clients."""

import asyncio
import os
import signal
from contextlib import suppress
from threading import Thread

from kirin_worker.dirty_client import DirtyClient, set_dirty_socket_path, get_dirty_client
from kirin_worker.dirty_errors import (DirtyAppError, DirtyAppNotFoundError, DirtyConnectionError, DirtyError,
                                       DirtyNoWorkersAvailableError, DirtyProtocolError, DirtyTimeoutError,
                                       DirtyWorkerError)
from tests.dirty import DirtyCase, eventually, runs
from tests.front import PATIENCE


class Caller(Thread):
    """A call in a thread of its own."""

    def __init__(self, function, *args):
        Thread.__init__(self)
        self.function, self.args = function, args
        self.result = self.error = None
        self.start()

    def run(self):
        try:
            self.result = self.function(*self.args)
        except Exception as error:
            self.error = error

    def value(self):
        self.join()
        if self.error is not None:
            raise self.error
        return self.result


class Calls(DirtyCase):

    def test_values_and_state(self):
        a = self.arbiter("Tasks", "Plain")
        self.assertEqual([a.call("count")["calls"] for _ in range(3)], [1, 2, 3])
        values = [None, True, 3, -1 << 80, 0.5, "\u00e9", b"\0\xff", [1, [2]], {"a": {"b": []}}]
        self.assertEqual(a.call("echo", *values, key=(1, 2)), [values, {"key": [1, 2]}])
        self.assertEqual(a.call("echo", b"x" * (3 << 20))[0][0], b"x" * (3 << 20))
        self.assertEqual(a.call("later", 7), 7)
        self.assertEqual(a.client().execute("dirty_tasks:Plain", "go"), ["go", True])

    def test_errors(self):
        a = self.arbiter("Tasks")
        with self.assertRaises(DirtyAppError) as caught:
            a.call("fail", "missing")
        error = caught.exception
        self.assertEqual((error.app_path, error.action, error.message), ("dirty_tasks:Tasks", "fail", "'missing'"))
        self.assertIn("raise KeyError(text)", error.traceback)
        a.wait_log("error in dirty_tasks:Tasks.fail")
        for action in "nothing", "_private", "leave":
            with self.assertRaises(DirtyAppError):
                a.call(action)
        with self.assertRaises(DirtyAppNotFoundError):
            a.client().execute("dirty_tasks:Other", "x")
        with self.assertRaisesRegex(DirtyProtocolError, "type object cannot be sent"):
            a.call("odd")
        with self.assertRaisesRegex(DirtyProtocolError, "type object cannot be sent"):
            a.call("echo", object())
        with self.assertRaisesRegex(DirtyProtocolError, "stream"):
            a.call("numbers", 3)
        self.assertEqual(a.call("count")["calls"], 1)       # it is the same worker

    def test_no_arbiter(self):
        with self.assertRaises(DirtyConnectionError):
            DirtyClient("@kirin-dirty-none:1").execute("a:B", "c")
        set_dirty_socket_path(None)
        with self.assertRaisesRegex(DirtyError, "dirty_apps"):
            get_dirty_client()

    def test_nonsense_is_closed(self):
        a = self.arbiter("Tasks")
        for data in b"\xff\xff\xff\xff\x01", b"\x05\0\0\0\x01hello", b"\x01\0\0\0\x07N", b"\x01\0\0\0\x09N":
            sock = a.client().begin(data, deadline_of(a.client()))
            with sock, suppress(ConnectionResetError):
                self.assertEqual(sock.recv(1), b"")
        self.assertEqual(a.call("count")["calls"], 1)

    def test_in_parallel(self):
        for settings in {"workers": 2}, {"threads": 2}:
            with self.subTest(settings):
                a = self.arbiter("Tasks", **settings)
                callers = [Caller(a.call, "meet", "us", 2) for _ in range(2)]
                pids = {caller.value() for caller in callers}
                self.assertEqual(len(pids), settings.get("workers", 1))

    def test_one_at_a_time(self):
        a = self.arbiter("Tasks")
        first = waiting(a, "go")
        second = Caller(a.call, "count")
        with self.assertRaises(DirtyTimeoutError) as caught:
            a.client(timeout=0.2).execute("dirty_tasks:Tasks", "count", 100)
        self.assertEqual(caught.exception.timeout, 0.2)
        a.touch("go")
        first.value()
        self.assertEqual(second.value()["calls"], 1)
        self.assertEqual(a.call("count")["calls"], 2)       # who has given up is not served

    def test_limits(self):
        a = self.arbiter("Tasks", "Single", ["dirty_tasks:Plain", 2], workers=3)
        client = a.client()
        alone = {client.execute("dirty_tasks:Single", "count")["pid"] for _ in range(6)}
        everywhere = {a.call("count")["pid"] for _ in range(9)}
        self.assertEqual((len(alone), len(everywhere)), (1, 3))


def deadline_of(client):
    return client._call("a:B", "c", (), {})[0]


class Streams(DirtyCase):

    def test_items(self):
        a = self.arbiter("Tasks")
        client = a.client()
        for action in "numbers", "later_numbers":
            self.assertEqual(list(client.stream("dirty_tasks:Tasks", action, 300)), list(range(300)))
        self.assertEqual(list(client.stream("dirty_tasks:Tasks", "later", 5)), [5])
        stream = client.stream("dirty_tasks:Tasks", "broken")
        self.assertEqual(next(stream), 1)
        with self.assertRaisesRegex(DirtyAppError, "in the middle"):
            next(stream)
        self.assertEqual(list(stream), [])

    def test_who_goes_ends_it(self):
        a = self.arbiter("Tasks")
        stream = a.client().stream("dirty_tasks:Tasks", "endless")
        self.assertEqual(len(next(stream)), 1000)
        stream.close()
        eventually("the generator has ended", lambda: a.stash().get("ended", "endless"))
        self.assertEqual(a.call("count")["calls"], 1)

    def test_the_worker_dies(self):
        a = self.arbiter("Tasks")
        pid = a.call("count")["pid"]
        stream = a.client().stream("dirty_tasks:Tasks", "numbers", 3, a.path("never"))
        self.assertEqual([next(stream), next(stream)], [0, 1])
        os.kill(pid, signal.SIGKILL)
        with self.assertRaises(DirtyConnectionError):
            next(stream)

    def test_async(self):
        a = self.arbiter("Tasks", workers=2)

        async def use():
            client = a.client()
            self.assertEqual(await client.execute_async("dirty_tasks:Tasks", "echo", 1), [[1], {}])
            met = await asyncio.gather(*(client.execute_async("dirty_tasks:Tasks", "meet", "us", 2) for _ in range(2)))
            self.assertEqual(len(set(met)), 2)
            items = [item async for item in client.stream_async("dirty_tasks:Tasks", "numbers", 5)]
            self.assertEqual(items, [0, 1, 2, 3, 4])
            with self.assertRaises(DirtyAppError):
                await client.execute_async("dirty_tasks:Tasks", "fail", "x")
            with self.assertRaises(DirtyTimeoutError):
                await a.client(timeout=0.2).execute_async("dirty_tasks:Tasks", "wait", a.path("go"))
            with self.assertRaises(DirtyConnectionError):
                await DirtyClient("@kirin-dirty-none:1").execute_async("a:B", "c")
            a.touch("go")

        asyncio.new_event_loop().run_until_complete(use())


class Stash(DirtyCase):

    def test_tables(self):
        a = self.arbiter("Tasks")
        stash = a.stash()
        self.assertEqual(sorted(stash.tables()), ["ended", "met"])
        table = stash.table("t")
        table["a:1"] = {"x": b"y"}
        table["b:1"] = None
        self.assertEqual((table["a:1"], table.get("c", 5), len(table), "b:1" in table), ({"x": b"y"}, 5, 2, True))
        self.assertEqual((stash.keys("t", "a:*"), dict(table.items())), (["a:1"], {"a:1": {"x": b"y"}, "b:1": None}))
        self.assertEqual(stash.info("t"), {"size": 2, "table": "t"})
        del table["a:1"]
        with self.assertRaises(KeyError):
            table["a:1"]
        with self.assertRaisesRegex(DirtyError, "not found: nope"):
            stash.info("nope")
        self.assertEqual((stash.delete("t", "x"), stash.exists("t"), stash.exists("t", "x")), (False, True, False))
        stash.clear("t")
        stash.ensure("u")
        self.assertEqual((len(table), stash.delete_table("t"), stash.delete_table("t"), stash.exists("u")),
                         (0, True, False, True))


class Deaths(DirtyCase):

    def test_a_worker_that_is_killed(self):
        a = self.arbiter("Tasks", "Single", workers=2)
        pid = a.client().execute("dirty_tasks:Single", "count")["pid"]
        caller = waiting(a, "never", "dirty_tasks:Single")
        os.kill(pid, signal.SIGKILL)
        with self.assertRaisesRegex(DirtyWorkerError, "killed by SIGKILL") as caught:
            caller.value()
        self.assertEqual(caught.exception.worker_id, pid)
        self.assertEqual(a.client().execute("dirty_tasks:Single", "count")["calls"], 1)     # by its successor
        a.wait_log("ended: killed by SIGKILL")

    def test_overdue(self):
        a = self.arbiter("Tasks", timeout=0.5)
        pid = a.call("count")["pid"]
        with self.assertRaises(DirtyTimeoutError) as caught:
            a.call("wait", a.path("never"))
        self.assertEqual(caught.exception.timeout, 0.5)
        a.wait_log("DIRTY WORKER TIMEOUT (pid:%d): dirty_tasks:Tasks.wait" % pid)
        self.assertIn('dirty_tasks.py", line', a.log())      # where it stood
        self.assertNotEqual(a.call("count")["pid"], pid)

    def test_term_to_a_worker(self):
        a = self.arbiter("Tasks")
        pid = a.call("count")["pid"]
        caller = waiting(a, "go")
        os.kill(pid, signal.SIGTERM)
        later = Caller(a.call, "count")
        a.touch("go")
        self.assertEqual(caller.value(), pid)
        self.assertNotEqual(later.value()["pid"], pid)
        self.assertIn("closed", a.log())

    def test_one_that_does_not_come_up_again(self):
        a = self.arbiter("Tasks", env={"BROKEN": "/tmp/kirin-dirty-broken-%d" % os.getpid()})
        path = "/tmp/kirin-dirty-broken-%d" % os.getpid()
        pid = a.call("count")["pid"]
        with open(path, "w"):
            self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        os.kill(pid, signal.SIGKILL)
        a.wait_log("RuntimeError: no model")
        with self.assertRaises(DirtyNoWorkersAvailableError) as caught:
            a.call("count")
        self.assertEqual(caught.exception.app_path, "dirty_tasks:Tasks")
        os.unlink(path)
        eventually("it is there again", lambda: not runs(pid) and tried(a))

    def test_the_arbiter_dies(self):
        a = self.arbiter("Tasks", workers=2)
        pids = {a.call("count")["pid"] for _ in range(4)}
        caller = waiting(a, "never")
        a.process.kill()
        with self.assertRaises(DirtyConnectionError):
            caller.value()
        eventually("no orphans", lambda: not any(runs(pid) for pid in pids))

    def test_the_front_dies(self):
        a = self.arbiter("Tasks", workers=2)
        pids = {a.call("count")["pid"] for _ in range(4)}
        caller = waiting(a, "go")
        a.orders.close()
        a.wait_log("Dirty worker exiting")          # the one that is free
        a.touch("go")
        self.assertIn(caller.value(), pids)
        self.assertEqual(a.process.wait(PATIENCE), 0)
        self.assertFalse(any(runs(pid) for pid in pids))

    def test_quit(self):
        a = self.arbiter("Tasks")
        caller = waiting(a, "never")
        a.process.send_signal(signal.SIGQUIT)
        self.assertEqual(a.process.wait(PATIENCE), 0)
        with self.assertRaises(DirtyError):
            caller.value()


def waiting(a, name, app="dirty_tasks:Tasks"):
    """A call that is under way, and waits for a file."""
    caller = Caller(a.client().execute, app, "wait", a.path(name))
    eventually("the call is under way", lambda: os.path.exists(a.path(name) + ".begun"))
    return caller


def tried(a):
    try:
        return a.call("count")
    except DirtyNoWorkersAvailableError:
        return None


class Versions(DirtyCase):

    def test_a_reload(self):
        a = self.arbiter("Tasks", env={"VERSION": "one"})
        caller = waiting(a, "go")
        a.stash().put("t", "k", 1)
        self.assertEqual(a.load("Tasks", env={"VERSION": "two"}), {})
        left = Caller(a.client(1).execute, "dirty_tasks:Tasks", "count")     # for the old one, which has one call
        self.assertEqual(a.client(2).execute("dirty_tasks:Tasks", "count")["version"], "two")
        self.assertEqual(a.order("retire"), {})
        self.assertEqual(left.value()["version"], "two")     # rather than never
        a.touch("go")
        old = caller.value()
        eventually("the old one goes", lambda: not runs(old))
        self.assertEqual(a.client(1).execute("dirty_tasks:Tasks", "count")["version"], "two")
        self.assertEqual(a.stash().get("t", "k"), 1)

    def test_a_reload_that_fails(self):
        a = self.arbiter("Tasks", env={"VERSION": "one"})
        answer = a.load("Tasks", ["dirty_tasks:Nothing", None])
        self.assertEqual(answer["exit"], 4)
        self.assertIn("has no attribute 'Nothing'", answer["error"])
        self.assertEqual(a.call("count")["version"], "one")
        self.assertEqual(a.load("Tasks", env={"VERSION": "two"}), {})
        self.assertEqual(a.order("revert"), {})
        self.assertEqual(a.call("count")["version"], "one")

    def test_a_start_that_fails(self):
        for apps, text in (([["nowhere:App", None]], "ModuleNotFoundError: No module named 'nowhere'"),
                           ([["dirty_tasks:Incomplete", None]], "has no method __call__|has no method close"),
                           ([["dirty_tasks:asyncio", None]], "not callable")):
            answer = self.arbiter().load(*apps)
            self.assertRegex(answer["error"], text)
            self.assertEqual(answer["exit"], 4)
        a = self.arbiter()
        answer = a.load("Tasks", env={"BROKEN": a.touch("broken")})
        self.assertIn("the dirty application dirty_tasks:Tasks: RuntimeError: no model", answer["error"])
        self.assertIn("in init", answer["trace"])

    def test_scale(self):
        a = self.arbiter("Tasks", ["dirty_tasks:Single", 2], workers=2)
        a.process.send_signal(signal.SIGTTIN)
        eventually("three", lambda: len({a.call("count")["pid"] for _ in range(6)}) == 3)
        a.process.send_signal(signal.SIGTTOU)
        eventually("two", lambda: len({a.call("count")["pid"] for _ in range(6)}) == 2)
        a.process.send_signal(signal.SIGTTOU)
        a.wait_log("Cannot decrease below 2 workers")


class Hooks(DirtyCase):

    def conf(self, a, text):
        with open(a.path("conf.py"), "w") as file:
            file.write("def note(*words):\n    with open(%r, 'a') as file:\n        print(*words, file=file)\n"
                       % a.path("hooks") + text)
        return a.path("conf.py")

    def load(self, a, text, **settings):
        names = [line.split()[1].split("(")[0] for line in text.splitlines() if line.startswith("def ")]
        return a.load("Tasks", hooks=names, conf=self.conf(a, text), settings={"dirty_workers": 1}, **settings)

    def test_a_life(self):
        a = self.arbiter()
        self.assertEqual(self.load(a, (
            "def on_dirty_starting(arbiter):\n    note('starting', arbiter.pid, arbiter.cfg.dirty_workers)\n"
            "def dirty_post_fork(arbiter, worker):\n    note('fork', arbiter.pid, worker.pid in arbiter.workers)\n"
            "def dirty_worker_init(worker):\n    worker.log.info('ready %s', worker)\n"
            "    note('init', worker.pid, worker.app_paths)\n"
            "def dirty_worker_exit(arbiter, worker):\n    note('exit', worker.pid, worker.age)\n")), {})
        pid = a.call("count")["pid"]
        a.wait_log("ready <DirtyWorker %d>" % pid)
        a.orders.close()
        self.assertEqual(a.process.wait(PATIENCE), 0)
        with open(a.path("hooks")) as file:
            self.assertEqual(file.read().splitlines(), [
                "starting %d 1" % a.process.pid, "fork %d True" % a.process.pid,
                "init %d ['dirty_tasks:Tasks']" % pid, "exit %d 1" % pid])

    def test_failures(self):
        for name in "on_dirty_starting", "dirty_worker_init":
            answer = self.load(self.arbiter(), "def %s(it):\n    raise OSError('no')\n" % name)
            self.assertEqual((answer["error"], answer["exit"]), ("the hook %s failed: OSError: no" % name, 3))
        a = self.arbiter()
        self.assertEqual(self.load(a, "def dirty_post_fork(arbiter, worker):\n    raise OSError('no')\n"), {})
        a.wait_log("the hook dirty_post_fork failed: OSError: no")
