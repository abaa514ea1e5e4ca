"""An object that can't be streamed raises at once. The message says what to give instead."""

from __future__ import annotations

import dataclasses
import io

import flask
import pytest
from flask import Response, stream_with_context

from flask_llmstream import ServerSentEvent
from flask_llmstream.formats import RawFormat
from tests.support.answers import Answer


def ticks():
    yield "tick"


async def asked():
    return "one"


async def async_ticks():
    yield "tick"


@dataclasses.dataclass
class Tick:
    number: int


class Ticks:
    def __iter__(self):
        return ticks()


class Download:
    """Looks like a response of ``requests``."""

    def __iter__(self):
        return iter([b"data: one\n\n"])

    def iter_content(self):
        return iter(self)

    iter_lines = iter_content


@pytest.mark.parametrize(
    "source, told",
    [
        ("one", "has to give items, and is one str; use [it]"),
        (b"one", "has to give items, and is one bytes; use [it]"),
        ({"an": "item"}, "has to give items, and is one dict; use [it]"),
        (42, "int is not iterable"),
        (None, "NoneType is not iterable; give a generator, or whatever else can be iterated"),
        (ticks, "ticks is not iterable; call it, or use streams.view()"),
        (async_ticks, "async_ticks is not iterable; call it, or use streams.view()"),
        (Response("one"), "Response is not iterable; it is a response already, so return it"),
        (type("Model", (), {}), "Model is not iterable; it is a class, so make one of it"),
        (Tick(1), "Tick is not iterable; it is one item, so use [it]"),
        (ServerSentEvent("one"), "ServerSentEvent is not iterable; it is one item, so use [it]"),
        (bytearray(b"one"), "has to give items, and is one bytearray; use [it]"),
        ((iter(["one"]), 201), "is a tuple with a status or headers; give its generator alone"),
        ((async_ticks(), 201, {}), "is a tuple with a status or headers"),
        (io.BytesIO(b"one"), "BytesIO gives bytes; give io.TextIOWrapper(it, 'utf-8')"),
        (Download(), "this HTTP response gives bytes; give its iter_lines(decode_unicode=True)"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_it_is_told_what_was_given_and_what_to_give(app, streams, source, told):
    with app.app_context(), pytest.raises(TypeError) as refused:
        streams.response(source)
    assert str(refused.value).startswith("source: ") and told in str(refused.value)


def test_a_coroutine_is_told_to_have_been_forgotten_and_is_closed(app, streams):
    with app.app_context(), pytest.raises(TypeError, match="asked is not iterable as it was not"):
        streams.response(asked())


def test_an_emitter_is_told_to_have_a_response(app, streams):
    with app.test_request_context(), pytest.raises(TypeError, match=r"return its response\(\)"):
        streams.response(streams.emitter())


def test_a_response_that_streams_is_one_already(app, streams):
    with app.test_request_context(), pytest.raises(TypeError, match="it is a response already"):
        streams.response(streams.response(["one"]))


def test_who_wrote_stream_with_context_is_told_to_leave_it_out(app, streams):
    with app.test_request_context(), pytest.raises(TypeError, match="leave out stream_with_cont"):
        streams.response(stream_with_context(ticks()))


@pytest.mark.skipif(not hasattr(flask, "stream_template"), reason="Flask from 2.2 on has it")
def test_a_streamed_template_is_a_source(place, app, streams):
    @app.route("/<name>")
    def page(name):
        template = "{{ request.path }}{% for n in (1, 2) %} {{ n }} {{ url_for('page', name=n) }}"
        pieces = flask.stream_template_string(template + "{% endfor %}")
        return streams.response(pieces, format="text")

    with Answer(app, "/ann") as answer:
        assert "".join(event.data for event in answer.all_events()) == "/ann 1 /1 2 /2"


@pytest.mark.skipif(not hasattr(flask, "stream_template"), reason="Flask from 2.2 on has it")
def test_a_streamed_template_that_has_begun_is_in_the_views_context(app, streams):
    with app.test_request_context():
        pieces = flask.stream_template_string("{% for n in (1, 2) %}{{ n }}{% endfor %}")
        next(pieces)
        with pytest.raises(TypeError, match="leave out stream_with_context"):
            streams.response(pieces)


@pytest.mark.parametrize("make_source", [Download, lambda: io.BytesIO(b"data: one\n\n")])
def test_bytes_are_for_a_format_that_takes_them(place, app, serve, make_source):
    serve(make_source, format=RawFormat)
    with Answer(app, "/") as answer:
        assert answer.rest().endswith(b"data: one\n\n")


@pytest.mark.parametrize("make_source", [lambda: io.StringIO("one"), Ticks, lambda: ["one"]])
def test_text_of_whatever_kind_is_a_source(place, app, serve, make_source):
    serve(make_source, format="text")
    with Answer(app, "/") as answer:
        assert len(answer.all_events()) == 1


# What sends.


@pytest.mark.parametrize(
    "function, told",
    [
        (None, "has to be callable, not NoneType; give create() the function itself, uncalled"),
        (ticks(), "has to be callable, not generator; give create() the function itself"),
        (ticks, "ticks yields its items and sends none; stream it with streams.response(ticks())"),
        (async_ticks, "async_ticks yields its items and sends none"),
    ],
    ids=["nothing", "called", "generator", "async generator"],
)
def test_what_would_never_send_is_told_at_once(app, streams, function, told):
    with app.test_request_context(), pytest.raises(TypeError) as refused:
        streams.create(function)
    assert str(refused.value).startswith("function: ") and told in str(refused.value)


@pytest.mark.parametrize("register", ["on_completion", "on_cancel", "on_error", "on_timeout"])
def test_a_callback_that_cant_be_called_is_told_where_it_is_given(app, streams, register):
    with app.test_request_context():
        emitter = streams.emitter()
        with pytest.raises(TypeError, match="^callback: has to be callable, not str"):
            getattr(emitter, register)("print")
