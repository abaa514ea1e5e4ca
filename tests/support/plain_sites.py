"""The same site three times, in Flask, Bottle and Django, with event streams made by hand.

``/stream`` and ``/csv`` send the text that a function gives for the request's path. ``/page`` is a
page with a cookie, ``/file`` a file, ``/broken`` a view that raises.
"""

from __future__ import annotations

import pathlib
from typing import Any, Callable, Dict, Iterable

Source = Callable[[Callable[[], str]], Iterable[str]]
"""Takes a function that returns the current request's path, and returns the texts to send."""

FILE = pathlib.Path(__file__)
SITES: Dict[str, Callable[[Source], Any]] = {}


def site(make: Callable[[Source], Any]) -> Callable[[Source], Any]:
    SITES[make.__name__] = make
    return make


@site
def flask(source: Source) -> Any:
    from flask import Flask, Response, make_response, request, send_file, stream_with_context

    app = Flask(__name__)

    def path() -> str:
        return request.path

    @app.route("/stream")
    def stream():
        return Response(stream_with_context(source(path)), mimetype="text/event-stream")

    @app.route("/csv")
    def csv():
        return Response(stream_with_context(source(path)), mimetype="text/csv")

    @app.route("/page")
    def page():
        response = make_response("a page")
        response.set_cookie("visited", "1")
        return response

    @app.route("/file")
    def file():
        return send_file(str(FILE))

    @app.route("/broken")
    def broken():
        raise LookupError("broken")

    return app


@site
def bottle(source: Source) -> Any:
    from bottle import Bottle, request, response, static_file

    app = Bottle()

    def path() -> str:
        return request.path

    def text(content_type: str) -> Iterable[str]:
        response.content_type = content_type
        yield from source(path)

    app.route("/stream", callback=lambda: text("text/event-stream"))
    app.route("/csv", callback=lambda: text("text/csv"))
    app.route("/file", callback=lambda: static_file(FILE.name, str(FILE.parent), etag=False))

    @app.route("/page")
    def page():
        response.set_cookie("visited", "1")
        return "a page"

    @app.route("/broken")
    def broken():
        raise LookupError("broken")

    return app


@site
def django(source: Source) -> Any:
    from django.conf import settings

    if not settings.configured:
        urls = "tests.support.django_urls"
        settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls, LOGGING_CONFIG=None)

    from django.core.wsgi import get_wsgi_application

    from tests.support import django_urls

    django_urls.source = source
    return get_wsgi_application()
