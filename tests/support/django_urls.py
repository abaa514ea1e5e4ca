"""The Django site's views; importable once Django is configured."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import path

from tests.support.plain_sites import FILE

source: Any = None


def stream(request):
    return StreamingHttpResponse(source(lambda: request.path), content_type="text/event-stream")


def csv(request):
    return StreamingHttpResponse(source(lambda: request.path), content_type="text/csv")


def page(request):
    response = HttpResponse("a page")
    response.set_cookie("visited", "1")
    return response


def file(request):
    return FileResponse(FILE.open("rb"))


def broken(request):
    raise LookupError("broken")


urlpatterns = [path(view.__name__, view) for view in (stream, csv, page, file, broken)]
