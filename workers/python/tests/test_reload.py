"""--reload."""

import os
import tempfile
import time

from kirin_worker.reloader import Reloader
from tests.case import WorkerCase
from tests.front import STATUS


class ReloadCase(WorkerCase):

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = os.path.realpath(directory.name)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text, stamp=None):
        with open(self.path(name), "w") as file:
            file.write(text)
        if stamp is not None:
            os.utime(self.path(name), (stamp, stamp))
        return self.path(name)


class Look(ReloadCase):
    """Which files count as changed; no thread, no time."""

    def test_extra_files(self):
        now = time.time()
        one = self.write("one.html", "", now - 100)
        self.write("two.txt", "", now - 100)
        reloader = Reloader([self.path("*.html"), self.path("later.cfg")], None)
        self.assertEqual(reloader.look(now), [])
        os.utime(one, (now - 50, now - 50))
        os.utime(self.path("two.txt"), (now - 50, now - 50))
        self.assertEqual(reloader.look(now), [one])
        self.assertEqual(reloader.look(now), [])
        new = self.write("new.html", "", now + 1)
        later = self.write("later.cfg", "", now + 1)
        self.assertEqual(sorted(reloader.look(now + 2)), sorted([new, later]))
        self.assertEqual(reloader.look(now + 3), [])

    def test_a_directory_is_all_that_is_in_it(self):
        now = time.time()
        os.mkdir(self.path("sub"))
        deep = self.write("sub/deep.html", "", now - 100)
        reloader = Reloader([self.directory], None)
        reloader.look(now)
        os.utime(deep, (now - 50, now - 50))
        self.assertEqual(reloader.look(now), [deep])

    def test_changed_while_the_application_was_loaded(self):
        reloader = Reloader([self.path("*")], None)
        path = self.write("late.html", "", reloader.began + 1)
        self.assertEqual(reloader.look(reloader.began + 2), [path])

    def test_changed_while_it_is_looked_for(self):
        """A look may take long, where there are many files or the machine has other work."""
        reloader = Reloader([self.path("*")], None)
        files = reloader.files
        reloader.files = lambda: [self.write("late.html", "", time.time())] and files()
        self.assertEqual(reloader.look(), [self.path("late.html")])

    def test_a_file_from_the_future_is_not_for_ever_new(self):
        reloader = Reloader([self.path("*")], None)
        self.write("future.html", "", reloader.began + 100000)
        self.assertEqual(reloader.look(reloader.began + 2), [])
        self.assertEqual(reloader.look(reloader.began + 3), [])

    def test_removed_and_written_again(self):
        """As editors save."""
        now = time.time()
        path = self.write("page.html", "", now - 100)
        reloader = Reloader([path], None)
        reloader.look(now)
        os.unlink(path)
        self.assertEqual(reloader.look(now), [])
        self.write("page.html", "", now - 50)
        self.assertEqual(reloader.look(now), [path])

    def test_modules(self):
        import kirin_worker.heads as module
        reloader = Reloader([], None)
        self.assertIn(module.__file__, reloader.files())


class Served(ReloadCase):
    """The worker as a whole."""

    APP = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'fine']\n"

    def test_changed(self):
        path = self.write("shop.py", self.APP, time.time() - 100)
        worker, wire = self.served("shop:app", "--reload", chdir=self.directory)
        self.assertEqual(wire.get("/").body, b"fine")
        self.write("shop.py", self.APP + "# changed\n")
        self.assertEqual(wire.expect(STATUS), {"changed": path})
        self.assertEqual(wire.get("/").body, b"fine")

    def test_broken_application_is_served_as_a_page(self):
        path = self.write("shop.py", "import missing_module_x\n", time.time() - 100)
        worker, wire = self.served("shop:app", "--reload", chdir=self.directory)
        self.assertIsNone(wire.hello["error"])
        response = wire.get("/")
        self.assertEqual(response.status, "500 Internal Server Error")
        self.assertIn(b"No module named &#x27;missing_module_x&#x27;", response.body.replace(b"'", b"&#x27;"))
        self.assertIn(path.encode(), response.body)
        self.assertIn("No module named 'missing_module_x'", worker.log())
        self.write("shop.py", self.APP)
        self.assertEqual(wire.expect(STATUS), {"changed": path})

    def test_page_cannot_be_made_to_run_a_script(self):
        self.write("shop.py", "raise ValueError('<script>')\n")
        worker, wire = self.served("shop:app", "--reload", chdir=self.directory)
        self.assertNotIn(b"<script>", wire.get("/").body)

    def test_syntax_error_and_missing_module_are_watched(self):
        path = self.write("shop.py", "def (:\n", time.time() - 100)
        worker, wire = self.served("shop:app", "--reload", chdir=self.directory)
        self.assertIn(b"SyntaxError", wire.get("/").body)
        self.write("shop.py", self.APP)
        self.assertEqual(wire.expect(STATUS), {"changed": path})
        worker, wire = self.served("later:app", "--reload", chdir=self.directory)
        self.assertIn(b"No module named", wire.get("/").body)
        path = self.write("later.py", self.APP)
        self.assertEqual(wire.expect(STATUS), {"changed": path})
