"""What frameworks believe of scheme, host and client, as JSON: flask_app, django_app, and asgi_app by Starlette."""

import django.conf
import django.core.wsgi
import django.http
import django.urls
import flask
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute

import sockets

flask_app = flask.Flask(__name__)
KEYS = ("SERVER_NAME", "SERVER_PORT", "REMOTE_PORT", "PROXY_PROTOCOL", "PROXY_ADDR", "HTTP_X_REQUEST_ID",
        "HTTP_TRACEPARENT", "kirin.request_id")


def some(environ):
    return {key: environ[key] for key in KEYS if key in environ}


@flask_app.route("/<path:path>")
@flask_app.route("/", defaults={"path": ""})
def flask_who(path):
    r = flask.request
    return flask.jsonify(scheme=r.scheme, host=r.host, client=r.remote_addr, url=r.url, root=r.script_root,
                         environ=some(r.environ))


def django_who(request):
    return django.http.JsonResponse({
        "scheme": request.scheme, "host": request.get_host(), "client": request.META["REMOTE_ADDR"],
        "url": request.build_absolute_uri(), "root": request.META["SCRIPT_NAME"], "environ": some(request.META)})


urlpatterns = [django.urls.re_path("", django_who)]
django.conf.settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="only a test")
django_app = django.core.wsgi.get_wsgi_application()


async def asgi_who(request):
    server = request.scope["server"] or ["", ""]
    return JSONResponse({
        "scheme": request.url.scheme, "host": request.headers["host"], "client": request.client and request.client.host,
        "url": str(request.url), "path": request.scope["path"], "root": request.scope["root_path"],
        "environ": {"SERVER_NAME": server[0], "SERVER_PORT": str(server[1]),
                    "HTTP_X_REQUEST_ID": request.headers.get("x-request-id"),
                    "HTTP_TRACEPARENT": request.headers.get("traceparent")}})


asgi_app = Starlette(routes=[
    WebSocketRoute("/echo", sockets.echo), WebSocketRoute("/refused", sockets.refused),
    Route("/{path:path}", asgi_who), Mount("/", asgi_who)])
