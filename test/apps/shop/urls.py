"""Views: a form with a CSRF token, a database, a session, an upload, a stream, an error."""

import hashlib

from django import forms
from django.http import FileResponse, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from shop.models import Order


class OrderForm(forms.Form):
    item = forms.CharField(max_length=100)
    count = forms.IntegerField(min_value=1)


def index(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse("Hello from Django, visit %d\n" % request.session["visits"])


def order(request):
    """Give the form's token for GET; place an order for POST and go to its page."""
    if request.method == "GET":
        return HttpResponse(get_token(request))
    form = OrderForm(request.POST)
    if not form.is_valid():
        return JsonResponse(form.errors, status=422)
    placed = Order.objects.create(**form.cleaned_data)
    return HttpResponseRedirect("/orders/%d" % placed.pk)


def show(request, pk):
    placed = Order.objects.get(pk=pk)
    return JsonResponse({"item": placed.item, "count": placed.count, "orders": Order.objects.count()})


@csrf_exempt
def upload(request):
    f = request.FILES["file"]
    seen = hashlib.sha256()
    for chunk in f.chunks():
        seen.update(chunk)
    return JsonResponse({"name": f.name, "length": f.size, "sha256": seen.hexdigest(), "note": request.POST["note"]})


def stream(request):
    return StreamingHttpResponse("line %d\n" % i for i in range(1000))


def file(request):
    return FileResponse(open(__file__, "rb"), content_type="text/plain")


def secure(request):
    return JsonResponse({"secure": request.is_secure(), "url": request.build_absolute_uri()})


def broken(request):
    raise RuntimeError("a Django view broke")


urlpatterns = [path("", index), path("order", order), path("orders/<int:pk>", show), path("upload", upload),
               path("stream", stream), path("file", file), path("secure", secure), path("broken", broken)]
