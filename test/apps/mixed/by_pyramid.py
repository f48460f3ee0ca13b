import time

from pyramid.config import Configurator
from pyramid.response import Response

from mixed import late, lines, pattern


def number(request):
    return int(request.matchdict["number"])


def fail(request):
    raise RuntimeError("failed")


def wait(request):
    time.sleep(0.1)
    return Response("waited")


VIEWS = (
    ("/hello/{number}", lambda request: Response("hello %d from pyramid" % number(request))),
    ("/json/{number}", lambda request: Response(json_body={"number": number(request)})),
    ("/bytes/{number}", lambda request: Response(pattern(number(request)), content_type="application/octet-stream")),
    ("/lines/{number}", lambda request: Response(app_iter=lines(number(request)))),
    ("/echo", lambda request: Response(request.body, content_type="application/octet-stream")),
    ("/fail", fail),
    ("/late", lambda request: Response(app_iter=late())),
    ("/wait", wait),
)

with Configurator() as config:
    for route, view in VIEWS:
        config.add_route(route, route)
        config.add_view(view, route_name=route)
    app = config.make_wsgi_app()
