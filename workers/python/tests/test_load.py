"""MODULE:CALLABLE as Gunicorn reads it."""

import os
import sys
import tempfile
import unittest

from kirin_worker.app import load
from kirin_worker.errors import LoadError

SHOP = """
class Site:
    def __call__(self, environ, start_response):
        return "site"

class holder:
    site = Site()
    class inner:
        site = Site()
        def make(name="deep"):
            return lambda *args: name

def application(environ, start_response):
    return "default"

def create_app(*args, **kwargs):
    return lambda *ignored: (args, kwargs)

def takes_two(one, two):
    return application

def returns_none():
    pass

def fails():
    raise KeyError("inside")

def app_module():
    pass

def make_app():
    pass

def view(request):
    pass

number = 5
"""


class Load(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        os.makedirs(os.path.join(directory.name, "kirin_test_shop"))
        for name, text in [("__init__.py", SHOP), ("wsgi.py", "application = lambda *args: 'wsgi'\n")]:
            with open(os.path.join(directory.name, "kirin_test_shop", name), "w") as file:
                file.write(text)
        with open(os.path.join(directory.name, "kirin_test_file.py"), "w") as file:
            file.write("app = print\n")
        sys.path.insert(0, directory.name)
        cls.addClassCleanup(sys.path.remove, directory.name)
        cls.directory = directory.name

    def test_loads(self):
        for spec, wanted in [
                ("kirin_test_shop", "default"), ("kirin_test_shop:application", "default"),
                ("kirin_test_shop.wsgi", "wsgi"), ("kirin_test_shop:holder.site", "site"),
                ("kirin_test_shop:holder.inner.site", "site"),
                ("kirin_test_shop:holder.inner.make()", "deep"),
                ("kirin_test_shop:create_app()", ((), {})),
                ('kirin_test_shop:create_app("prod", debug=False)', (("prod",), {"debug": False})),
                ("kirin_test_shop:create_app(-1, [1, (2,)], a={'b': None})",
                 ((-1, [1, (2,)]), {"a": {"b": None}})),
                ("kirin_test_shop:create_app('a:b')", (("a:b",), {}))]:
            with self.subTest(spec):
                self.assertEqual(load(spec)({}, None), wanted)

    def test_refuses(self):
        for spec, line in [
                ("", "'' is not MODULE:CALLABLE"), (":app", "':app' is not MODULE:CALLABLE"),
                ("kirin_test_shop:", "'kirin_test_shop:' is not MODULE:CALLABLE"),
                ("kirin_test_shop:applicatoin",
                 "module kirin_test_shop has no attribute 'applicatoin'; did you mean application?"),
                ("kirin_test_shop:holder.sight",
                 "module kirin_test_shop has no attribute 'holder.sight'; did you mean site?"),
                ("kirin_test_shop:zzz",
                 "module kirin_test_shop has no attribute 'zzz'; did you mean application or create_app or "
                 "make_app()?"),
                ("kirin_test_shop:number", "number in module kirin_test_shop is not callable: int 5"),
                ("kirin_test_shop:number()",
                 "the factory in 'kirin_test_shop:number()' is not callable: int 5"),
                ("kirin_test_shop:returns_none()",
                 "what returns_none() returned is not callable: NoneType None"),
                ("kirin_test_shop:app_module",
                 "app_module takes no arguments, and an application takes two, environ and start_response (or an ASGI "
                 "application three); if it makes the application, write kirin_test_shop:app_module()"),
                ("kirin_test_shop:view", "view takes one argument, and an application takes two"),
                ("kirin_test_shop:maker", "module kirin_test_shop has no attribute 'maker'; did you mean make_app()?"),
                ("kirin_test_shop:takes_two(1)",
                 "TypeError: takes_two() missing 1 required positional argument: 'two'"),
                ("kirin_test_file.py:app", "ModuleNotFoundError: No module named 'kirin_test_file.py'"),
                ("kirin_test_shop.missing:app",
                 "ModuleNotFoundError: No module named 'kirin_test_shop.missing'"),
                ("dir/kirin_test_file:app",
                 "ModuleNotFoundError: No module named 'dir/kirin_test_file'")]:
            with self.subTest(spec):
                with self.assertRaises(LoadError) as caught:
                    load(spec)
                self.assertTrue(str(caught.exception).startswith(line), str(caught.exception))
                self.assertEqual(caught.exception.trace, "")
                self.assertNotIn("\n", str(caught.exception))

    def test_literals_only(self):
        for expression in ["create_app(__import__('os'))", "create_app(x)", "create_app(*[1])",
                           "create_app(**{})", "create_app()()", "create_app(", "application + 1", "[1]",
                           "a b", "create_app[0]()"]:
            with self.subTest(expression):
                with self.assertRaises(LoadError) as caught:
                    load("kirin_test_shop:" + expression)
                self.assertIn("literals only, as in app:create_app", str(caught.exception))

    def test_factory_that_raises_has_its_traceback(self):
        with self.assertRaises(LoadError) as caught:
            load("kirin_test_shop:fails()")
        self.assertEqual(str(caught.exception), "KeyError: 'inside'")
        self.assertIn("in fails", caught.exception.trace)
        self.assertNotIn("app.py", caught.exception.trace)

    def test_hints(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.directory)
        for spec, hint in [("kirin_test_file.py:app", "; did you mean kirin_test_file:app?"),
                           ("kirin_test_shop/wsgi:app",
                            "; a module is named with dots: kirin_test_shop.wsgi")]:
            with self.assertRaises(LoadError) as caught:
                load(spec)
            self.assertTrue(str(caught.exception).endswith(hint), caught.exception)
