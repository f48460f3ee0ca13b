"""All WSGI frameworks in one application, or those that MIXED names, each below its name."""

import os
import time
from importlib import import_module

NAMES = os.environ.get("MIXED", "flask django bottle falcon pyramid cherrypy").split()
APPS = {name: import_module("mixed.by_" + name).app for name in NAMES}


def app(environ, start_response):
    _, name, rest = (environ["PATH_INFO"] + "/").split("/", 2)
    if name == "spin":
        end = time.monotonic() + 600
        while time.monotonic() < end:
            pass
    environ["SCRIPT_NAME"] = "/" + name
    environ["PATH_INFO"] = "/" + rest.rstrip("/")
    return APPS[name](environ, start_response)
