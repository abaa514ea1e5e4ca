"""Functions that break streams are found, and no others."""

from __future__ import annotations

import functools

import pytest
from flask import Blueprint, Flask, request

from flask_llmstream import LLMStream
from flask_llmstream.doctor.functions import body_readers, cached_streams
from flask_llmstream.views.misplaced import misplaced_views


@pytest.fixture
def app(streams):
    app = Flask("a_site")
    streams.init_app(app)
    return app


# Hooks that read the bodies of responses.


def tags(response):
    response.add_etag()
    return response.make_conditional(request)


def logs(response):
    print(len(response.data))
    return response


def signs(answer):
    answer.headers["Signature"] = str(hash(answer.get_data()))
    return answer


def reads_in_a_closure(response):
    def size():
        return len(response.get_data())

    response.headers["X-Size"] = str(len(response.get_data()) or size())
    return response


class Tagger:
    def tag(self, response):
        response.freeze()
        return response


@functools.wraps(logs)
def wrapped(*arguments):
    return logs(*arguments)


@pytest.mark.parametrize("hook", [tags, logs, signs, reads_in_a_closure, Tagger().tag, wrapped])
def test_who_reads_bodies_is_found(app, hook):
    app.after_request(hook)
    (name,) = body_readers(app)
    assert name == f"{__name__}.{hook.__qualname__}"


def test_who_reads_those_of_a_blueprint_is_found(app):
    blueprint = Blueprint("shop", __name__)
    blueprint.after_request(tags)
    app.register_blueprint(blueprint)
    assert len(body_readers(app)) == 1


def looks_first(response):
    if not response.direct_passthrough:
        response.add_etag()
    return response


def knows_what_streams(response):
    return response if response.is_streamed else tags(response)


def is_about_pages(response):
    if response.mimetype == "text/html":
        response.data = response.data + b"<!-- -->"
    return response


def takes_what_passes_through(response):
    response.direct_passthrough = False
    response.get_data()
    return response


def adds_a_header(response):
    response.headers["X-Added"] = "yes"
    return response


def reads_the_request(response):
    request.get_data()
    request.get_json(silent=True)
    return response


HARMLESS = [
    looks_first, knows_what_streams, is_about_pages, takes_what_passes_through, adds_a_header,
    reads_the_request, print, functools.partial(adds_a_header), lambda response: response,
]  # fmt: skip


@pytest.mark.parametrize("hook", HARMLESS, ids=str)
def test_who_looks_first_or_reads_none_is_not(app, hook):
    app.after_request(hook)
    assert body_readers(app) == ()


# Views that Flask-Caching wraps.


def cached(function):
    """A wrapper with the attributes of Flask-Caching's."""

    @functools.wraps(function)
    def decorated(*arguments, **keywords):
        return function(*arguments, **keywords)

    decorated.uncached = function
    return decorated


def ticks():
    yield "tick"


def test_a_cache_round_a_stream_is_found(app, streams):
    app.add_url_rule("/", "ticks", cached(streams.view()(ticks)))
    assert cached_streams(app) == (("ticks", False),)


def test_a_cache_inside_a_stream_is_found_to_read_all_of_it(app, streams):
    app.add_url_rule("/", "ticks", streams.view()(cached(ticks)))
    assert cached_streams(app) == (("ticks", True),)


def test_a_cache_is_found_among_other_decorators(app, streams):
    def other(function):
        return functools.wraps(function)(lambda: function())

    app.add_url_rule("/", "ticks", other(cached(other(streams.view()(other(ticks))))))
    assert cached_streams(app) == (("ticks", False),)


def test_a_cache_round_a_view_that_makes_its_own_stream_is_found(app, streams):
    app.add_url_rule("/", "view", cached(lambda: streams.response(ticks())))
    assert cached_streams(app) == (("view", False),)


OF_THE_MODULE = LLMStream()


def test_a_stream_of_a_module_s_own_is_found_as_well():
    app = Flask("a_site")
    OF_THE_MODULE.init_app(app)
    app.add_url_rule("/", "view", cached(lambda: OF_THE_MODULE.emitter().response()))
    assert cached_streams(app) == (("view", False),)


def test_a_page_that_is_cached_and_a_stream_that_is_not_are_well(app, streams):
    app.add_url_rule("/page", "page", cached(lambda: "a page"))
    app.add_url_rule("/ticks", "ticks", streams.view()(ticks))
    app.add_url_rule("/values", "values", streams.view()(lambda: iter(cached(lambda: "one")())))
    assert cached_streams(app) == ()


# Views below their ``@streams.view()``.


def test_a_misplaced_view_is_found_with_its_rule(app, streams):
    blueprint = Blueprint("shop", __name__)

    @streams.view()
    @blueprint.route("/ticks")
    def misplaced_view():
        yield "tick"

    app.register_blueprint(blueprint, url_prefix="/shop")
    ((rule, name),) = misplaced_views(app)
    assert rule == "/shop/ticks" and name.endswith("misplaced_view")
