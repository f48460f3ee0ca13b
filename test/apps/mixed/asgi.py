"""All ASGI frameworks in one application, each below its name."""

import time

from django.core.asgi import get_asgi_application

from mixed import by_django, by_falcon, by_fastapi, by_starlette

assert by_django
APPS = {
    "fastapi": by_fastapi.app, "starlette": by_starlette.app, "django": get_asgi_application(),
    "falcon": by_falcon.asgi,
}


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no %s here" % scope["type"])
    _, name, rest = (scope["path"] + "/").split("/", 2)
    if name == "spin":
        time.sleep(600)
    scope = dict(scope, path="/" + rest.rstrip("/"), raw_path=None, root_path="")
    await APPS[name](scope, receive, send)
