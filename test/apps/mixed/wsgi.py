"""All WSGI frameworks in one application, each below its name."""

import time

from django.core.wsgi import get_wsgi_application

from mixed import by_bottle, by_cherrypy, by_django, by_falcon, by_flask, by_pyramid

assert by_django
APPS = {
    "flask": by_flask.app, "django": get_wsgi_application(), "bottle": by_bottle.app, "falcon": by_falcon.app,
    "pyramid": by_pyramid.app, "cherrypy": by_cherrypy.app,
}


def app(environ, start_response):
    _, name, rest = (environ["PATH_INFO"] + "/").split("/", 2)
    if name == "spin":
        end = time.monotonic() + 600
        while time.monotonic() < end:
            pass
    environ["SCRIPT_NAME"] = "/" + name
    environ["PATH_INFO"] = "/" + rest.rstrip("/")
    return APPS[name](environ, start_response)
