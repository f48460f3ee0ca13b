"""A worker's start: options, what it is handed, and how it says that it cannot start."""

import os
import subprocess
import sys
import tempfile

from tests.case import WorkerCase
from tests.front import PACKAGE, PATIENCE


def run(*arguments, **env):
    """Runs the package's command; gives (status, standard output, standard error)."""
    environment = dict(os.environ, PYTHONPATH=PACKAGE, **env)
    done = subprocess.run([sys.executable, "-m", "kirin_worker"] + list(arguments), env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Usage(WorkerCase):
    """Exit status 2 and one line."""

    def test_options(self):
        for arguments, message in [
                (["serve"], "MODULE:CALLABLE is missing"),
                (["serve", "--colour=red", "a:b"], "unknown option --colour"),
                (["serve", "--threads", "a:b"], "--threads wants a value: --threads=VALUE"),
                (["serve", "--threads=0", "a:b"], "--threads=0: not a value that it takes"),
                (["serve", "--timeout=-1", "a:b"], "--timeout=-1: not a value that it takes"),
                (["serve", "--timeout=soon", "a:b"], "--timeout=soon: not a value that it takes"),
                (["serve", "--timeout=nan", "a:b"], "--timeout=nan: not a value that it takes"),
                (["serve", "--class=tornade", "a:b"], "--class=tornade: not a value that it takes"),
                (["serve", "--log-level=loud", "a:b"], "--log-level=loud: not a value that it takes"),
                (["serve", "--umask=x", "a:b"], "--umask=x: not a value that it takes"),
                (["serve", "--reload=yes", "a:b"], "unknown option --reload"),
                (["serve", "a:b", "c:d"], "one MODULE:CALLABLE is wanted, 'c:d' is a second one"),
                (["conf"], "one FILE or python:MODULE is wanted"),
                (["dance"], "unknown command 'dance'"), ([], "unknown command ''")]:
            with self.subTest(arguments):
                status, _, log = run(*arguments)
                self.assertEqual(status, 2)
                self.assertIn(message, log)
                self.assertEqual(log.count("\n"), 1)


class Handed(WorkerCase):
    """Exit status 3: what systemd hands a worker is not there."""

    def test_no_socket(self):
        status, _, log = run("serve", "hello:app")
        self.assertEqual(status, 3)
        self.assertIn("a worker wants one listening socket, but LISTEN_FDS is ''", log)

    def test_pid_of_another(self):
        status, _, log = run("serve", "hello:app", LISTEN_FDS="1", LISTEN_PID="1")
        self.assertEqual(status, 3)
        self.assertIn("LISTEN_PID is 1 but this process is ", log)

    def test_too_many_sockets(self):
        status, _, log = run("serve", "hello:app", LISTEN_FDS="2")
        self.assertEqual(status, 3)
        self.assertIn("LISTEN_FDS is '2'", log)

    def test_wrong_descriptor(self):
        status, _, log = run("serve", "hello:app", LISTEN_FDS="1")
        self.assertEqual(status, 3)
        self.assertIn("descriptor 3 is not a socket", log)


class Refused(WorkerCase):
    """The application cannot be loaded: HELLO with an error, exit status 4."""

    def refused(self, application, *options, **files):
        """Starts a worker in a directory with ``files``; gives HELLO's error and the log."""
        with tempfile.TemporaryDirectory() as directory:
            for name, text in files.items():
                with open(os.path.join(directory, name + ".py"), "w") as file:
                    file.write(text)
            worker = self.start(application, *options, chdir=directory)
            hello = worker.connect().hello
            self.assertEqual((hello["exit"], worker.wait()), (4, 4))
            self.assertEqual(worker.log(), "")      # the front logs what it was told
            return hello["error"].replace(directory, "DIR"), worker.log()

    def test_missing_module(self):
        error, _ = self.refused("nowhere:app")
        self.assertEqual(error, "ModuleNotFoundError: No module named 'nowhere' (looked in DIR)")

    def test_module_that_imports_a_missing_one(self):
        error, _ = self.refused("broken:app", broken="\nimport nowhere\n")
        summary, _, trace = error.partition("\n")
        self.assertEqual(summary, "ModuleNotFoundError: No module named 'nowhere'")
        self.assertIn('Traceback (most recent call last):\n  File "DIR/broken.py", line 2, in ', trace)
        self.assertNotIn("kirin_worker", trace)

    def test_syntax_error(self):
        error, _ = self.refused("broken:app", broken="x = 1\ndef f(:\n")
        summary, _, trace = error.partition("\n")
        self.assertRegex(summary, r"^SyntaxError: .* \(DIR/broken.py line 2\)$")
        self.assertIn("def f(:", trace)
        self.assertNotIn("kirin_worker", trace)

    def test_exception(self):
        error, _ = self.refused("broken:app", broken="def f():\n    raise ValueError('two\\nlines')\nf()\n")
        self.assertEqual(error.split("\n")[0], "ValueError: two lines")
        self.assertIn("line 2, in f", error)

    def test_exit(self):
        error, _ = self.refused("broken:app", broken="raise SystemExit('bye')\n")
        self.assertEqual(error.split("\n")[0], "module broken called sys.exit('bye') when it was imported")

    def test_missing_attribute(self):
        error, _ = self.refused("there:application", there="applicatiom = print\n")
        self.assertEqual(error, "module there has no attribute 'application'; did you mean applicatiom?")

    def test_not_callable(self):
        error, _ = self.refused("there:app", there="app = 'text'\n")
        self.assertEqual(error, "app in module there is not callable: str 'text'")

    def test_import_that_ends_the_process(self):
        """The front sees the end at once: its connection is not left in the backlog for the next process."""
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, "deadly.py"), "w") as file:
                file.write("import os, time\ntime.sleep(0.3)\nos._exit(9)\n")
            worker = self.start("deadly:app", chdir=directory, keep_listener=True)
            wire = worker.connect(hello=False)
            wire.ended()
            self.assertEqual(worker.wait(), 9)
            worker.listener.setblocking(False)
            self.assertRaises(BlockingIOError, worker.listener.accept)

    def test_without_a_front(self):
        """It waits a while for the front, but not for ever, and then the log has it."""
        worker = self.start("nowhere:app")
        self.assertEqual(worker.wait(), 4)
        self.assertIn("No module named 'nowhere'", worker.log())

    def test_term_while_it_waits(self):
        worker = self.start("nowhere:app", "--log-level=debug")
        worker.wait_log("waiting for the front")
        worker.kill()
        self.assertEqual(worker.wait(), 0)


class Boot(WorkerCase):
    """Anything else that goes wrong: exit status 3."""

    def test_directory(self):
        worker = self.start("hello:app", "--chdir=/nonexistent")
        hello = worker.connect().hello
        self.assertEqual(hello["error"],
                         "cannot change to the directory /nonexistent: No such file or directory")
        self.assertEqual((hello["exit"], worker.wait()), (3, 3))


class Surroundings(WorkerCase):
    """What the application finds."""

    def test_process(self):
        with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryDirectory() as extra:
            directory, extra = os.path.realpath(directory), os.path.realpath(extra)
            with open(os.path.join(directory, "look.py"), "w") as file:
                file.write(LOOK)
            worker, wire = self.served("look:app", "--umask=18", "--pythonpath=" + extra,
                                       "--log-level=warning", chdir=directory)
            seen = wire.get("/").body.decode().split("\n")
            self.assertEqual(seen, [directory, "18", extra, directory, "['kirin']", "True", "kirin-worker"])
            self.assertEqual(worker.log(), "")

    def test_title(self):
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, "setproctitle.py"), "w") as file:
                file.write("import sys\ndef setproctitle(title):\n    print(title, file=sys.stderr)\n")
            self.start("pep:app", "--name=shop", "--pythonpath=" + directory).wait_log(
                "kirin: worker [shop]")

    def test_ready(self):
        self.start("hello:app").notified("READY=1")

    def test_signal_handlers_of_the_application_stay(self):
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, "own.py"), "w") as file:
                file.write("import signal\nsignal.signal(signal.SIGUSR1, lambda *a: print('mine'))\n"
                           "from pep import app\n")
            worker, wire = self.served("own:app", "--pythonpath=" + directory)
            self.assertEqual(wire.get("/tuple_").body, b"one two")


LOOK = """
import os, sys
mask = os.umask(0)
os.umask(mask)

def app(environ, start_response):
    start_response("200 OK", [])
    with open("/proc/self/comm") as comm:
        name = comm.read().strip()
    unique = len(set(sys.path)) == len(sys.path)
    facts = [os.getcwd(), mask, sys.path[0], sys.path[1], sys.argv, unique, name]
    return ["\\n".join(map(str, facts)).encode()]
"""
