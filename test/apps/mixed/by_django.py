"""For WSGI and for ASGI."""

import asyncio
import time

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from mixed import late, lines, pattern

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="only a test", LOGGING_CONFIG=None,
                   DATA_UPLOAD_MAX_MEMORY_SIZE=None)
django.setup()


def binary(body):
    return HttpResponse(body, content_type="application/octet-stream")


def fail(request):
    raise RuntimeError("failed")


def wait(request):
    time.sleep(0.1)
    return HttpResponse("waited")


async def wait_async(request):
    await asyncio.sleep(0.1)
    return HttpResponse("waited")


urlpatterns = [
    path("hello/<int:number>", lambda request, number: HttpResponse("hello %d from django" % number)),
    path("json/<int:number>", lambda request, number: JsonResponse({"number": number})),
    path("bytes/<int:number>", lambda request, number: binary(pattern(number))),
    path("lines/<int:number>", lambda request, number: StreamingHttpResponse(lines(number))),
    path("echo", lambda request: binary(request.body)),
    path("fail", fail),
    path("late", lambda request: StreamingHttpResponse(late())),
    path("wait", wait),
    path("async/wait", wait_async),
]

app = get_wsgi_application()
