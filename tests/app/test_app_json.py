"""A stream's items are encoded by the application's own JSON, as its other answers are."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import threading
import uuid
from dataclasses import dataclass
from functools import partial

import flask.json
import pytest
from flask import Blueprint, Flask, current_app, jsonify, url_for

from flask_llmstream import ServerSentEvent
from tests.support.answers import Answer
from tests.support.sources import Waiting

HAS_PROVIDERS = hasattr(Flask, "json_provider_class")
ENCODER = "_json_encoder" if HAS_PROVIDERS else "json_encoder"  # 2.2 warns of the public one
FORMATS = ["message", "text", "ndjson"]


class Model:
    """A value that only the application can encode."""

    def __init__(self, name):
        self.name = name


class Color(enum.Enum):
    RED = 1


class Page:
    def __html__(self):
        return "<b>x</b>"


def with_html(kind):
    """A subclass of one of JSON's own types, with a form for pages."""
    return type(f"Html{kind.__name__}", (kind,), {"__html__": Page.__html__})


@dataclass
class Step:
    number: int
    at: datetime.date


def of_the_app(value):
    """The ``default`` of one application."""
    if isinstance(value, Model):
        return {"model": value.name}
    if isinstance(value, (datetime.date, uuid.UUID, Color)):
        return f"the app's {type(value).__name__}"
    raise TypeError("the app does not know it")


def have_default(app, default):
    """Give the application a ``default`` of its own, and nothing more."""
    if HAS_PROVIDERS:
        app.json.default = default
    else:
        methods = {"default": staticmethod(default)}
        app.json_encoder = type("Encoder", (flask.json.JSONEncoder,), methods)


def have_dumps(app, dumps):
    """Give the application a function of its own that makes all JSON."""
    if HAS_PROVIDERS:
        app.json.dumps = lambda value, **_: dumps(value)
    else:
        methods = {"encode": lambda self, value: dumps(value)}
        app.json_encoder = type("Encoder", (flask.json.JSONEncoder,), methods)


@pytest.fixture
def sent(app, serve):
    """One item on the wire, without the stream's beginning and end."""

    def sent(item, format="text", **options):
        serve(lambda: [item], format=format, heartbeat=0, reconnect="restart", **options)
        with Answer(app, "/") as answer:
            return answer.rest().decode()

    return sent


@pytest.fixture
def refused(sent, finished):
    """The error of an item that can't be sent, whose reader is told of an error."""

    def refused(item):
        assert '"code":"internal"' in sent(item, on_finish=finished)
        return str(finished.summary().error)

    return refused


@pytest.fixture
def as_json(sent):
    """An item's JSON, decoded by its reader."""

    def as_json(item):
        head, data = sent(item).split(": ", 1)
        assert head == "data"
        return json.loads(data)

    return as_json


VALUES = [
    datetime.datetime(2026, 1, 2, 3, 4, 5),
    datetime.date(2026, 1, 2),
    uuid.UUID(int=1),
    Page(),
    Step(1, datetime.date(2026, 1, 2)),
    *[with_html(kind)() for kind in (str, int, float, list, tuple, dict)],
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_an_item_is_what_jsonify_makes_of_it(app, client, as_json, value):
    app.add_url_rule("/json", "json", lambda: jsonify(value=value))
    assert as_json({"value": value}) == json.loads(client.get("/json").data)


def test_what_flask_does_not_know_is_what_it_is_without(sent):
    known = {"price": decimal.Decimal("1.50"), "set": {1}, "color": Color.RED}
    assert sent(known) == 'data: {"price":"1.50","set":[1],"color":1}\n\n'


def test_the_layout_is_compact_in_its_own_order_and_utf_8(sent):
    assert sent({"b": "é", "a": [1, 2]}) == 'data: {"b":"é","a":[1,2]}\n\n'


# A ``default`` of its own.


def test_the_apps_default_is_asked_first_of_what_json_does_not_have(app, as_json):
    have_default(app, of_the_app)
    item = {"row": Model("ada"), "at": VALUES[1], "id": VALUES[2], "color": Color.RED, "set": {1}}
    assert as_json(item) == {
        "row": {"model": "ada"},
        "at": "the app's date",
        "id": "the app's UUID",
        "color": "the app's Color",
        "set": [1],
    }


@pytest.mark.skipif(not HAS_PROVIDERS, reason="Flask 2.2, where JSON has a provider")
def test_a_provider_that_changes_only_default_keeps_the_layout(streams, serve):
    from flask.json.provider import DefaultJSONProvider

    class Provider(DefaultJSONProvider):
        sort_keys = True

        def default(self, value):
            return of_the_app(value)

    class App(Flask):
        json_provider_class = Provider

    app = App("a_site")
    streams.init_app(app)
    item = {"row": Model("é"), "a": 1}
    app.add_url_rule("/", "view", lambda: streams.response([item], format="text", heartbeat=0))
    assert 'data: {"row":{"model":"é"},"a":1}\n\n' in app.test_client().get("/").data.decode()


@pytest.mark.parametrize("format", FORMATS)
def test_an_item_of_which_the_app_makes_an_object_is_sent_itself(app, sent, format):
    have_default(app, of_the_app)
    assert '{"model":"ada"}\n' in sent(Model("ada"), format=format)


@pytest.mark.parametrize("item", [VALUES[1], None, 5, b"bytes"], ids=repr)
def test_any_other_item_is_none(place, app, refused, item):
    have_default(app, of_the_app)
    assert f"{type(item).__name__} can't be streamed" in refused(item)


def encoders(test):
    """The versions in which an application may have encoders; Flask 2.2 warns of them."""
    has_none = not hasattr(flask.json, "JSONEncoder")
    quiet = pytest.mark.filterwarnings("ignore:(Setting 'json_encoder'|'JSONEncoder')")
    return quiet(pytest.mark.skipif(has_none, reason="Flask before 2.3")(test))


@encoders
def test_a_blueprints_json_encoder_is_that_of_its_streams(app, streams):
    class Encoder(flask.json.JSONEncoder):
        def default(self, value):
            return of_the_app(value)

    blueprint = Blueprint("pages", __name__)
    setattr(blueprint, ENCODER, Encoder)
    row = {"row": Model("ada")}
    blueprint.add_url_rule("/", "view", lambda: streams.response([row], format="ndjson"))
    app.register_blueprint(blueprint)
    assert b'{"row":{"model":"ada"}}\n' in app.test_client().get("/").data


# A ``dumps`` of its own.


def spaced(value):
    return json.dumps({"wrapped": value}, default=str, indent=2)


@pytest.mark.parametrize("item", [{"a": 1}, ["a"], ServerSentEvent({"a": 1})], ids=repr)
def test_a_dumps_of_the_app_makes_mappings_lists_and_the_data_of_events(app, as_json, item):
    have_dumps(app, spaced)
    wrapped = item.data if isinstance(item, ServerSentEvent) else item
    assert as_json(item) == {"wrapped": wrapped}


@encoders
def test_an_encoder_with_an_encode_of_its_own_makes_them(app, as_json):
    class Encoder(flask.json.JSONEncoder):
        def encode(self, value):
            return spaced(value)

    setattr(app, ENCODER, Encoder)
    assert as_json({"a": 1}) == {"wrapped": {"a": 1}}


def test_its_line_breaks_are_taken_out(app, sent):
    have_dumps(app, spaced)
    (line,) = sent({"a": ["x\ny", "z"]}, format="ndjson").splitlines()[:1]
    assert json.loads(line) == {"wrapped": {"a": ["x\ny", "z"]}}


def test_an_event_stays_one_whatever_its_line_breaks(app, serve):
    have_dumps(app, lambda value: json.dumps(value, indent=2).replace("\n", "\r\n\r\n"))
    serve(lambda: [{"a": 1}, ServerSentEvent({"b": 2}, event="step")])
    with Answer(app, "/") as answer:
        *events, _ = answer.all_events()
    assert [(event.event, json.loads(event.data)) for event in events] == [
        ("message", {"a": 1}),
        ("step", {"b": 2}),
    ]


def test_text_and_what_the_stream_says_itself_are_as_ever(app, sent):
    have_dumps(app, spaced)
    assert "wrapped" not in sent("a token", format="message")


def test_it_may_give_bytes(app, sent):
    if not HAS_PROVIDERS:
        pytest.skip("an encoder gives text")
    have_dumps(app, lambda value: json.dumps(value).encode())
    assert sent({"a": 1}) == 'data: {"a": 1}\n\n'


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_half_a_character_of_it_becomes_a_replacement_character(app, sent, ensure_ascii):
    have_dumps(app, partial(json.dumps, ensure_ascii=ensure_ascii))
    value = {"\ude80": "é\ud83d", "b": "🚀\ud83d\ude80", "c": "\\ud83d"}
    text = sent(value).partition("data: ")[2]
    assert json.loads(text) == {"\ufffd": "é\ufffd", "b": "🚀🚀", "c": "\\ud83d"}


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_no_reader_finds_a_line_end_in_it(app, sent, ensure_ascii):
    have_dumps(app, partial(json.dumps, ensure_ascii=ensure_ascii))
    value = {"a\u2028": "b\u2029c\x85"}
    (line,) = sent(value).splitlines()[:-1]
    assert json.loads(line.partition("data: ")[2]) == value


def test_nan_in_it_is_an_error_that_names_it(place, app, refused):
    have_dumps(app, json.dumps)
    assert "$.a[1] is one" in refused({"a": [{"NaN": 1}, float("nan")]})


def test_nan_in_a_text_is_text(app, as_json):
    have_dumps(app, json.dumps)
    assert as_json({"NaN": "Infinity", "of the app's": None}) == {
        "NaN": "Infinity",
        "of the app's": None,
    }


# The context in which it runs.


def test_a_stream_keeps_the_json_that_it_began_with(place, app, serve):
    source = Waiting(place)
    serve(lambda: ({"said": word} for word in source), format="text", heartbeat=0)
    have_dumps(app, lambda value: json.dumps(["first", value]))
    with Answer(app, "/") as answer:
        while b'["first", {"said": "one"}]' not in answer.block():
            pass  # before it, the stream's begin
        have_dumps(app, lambda value: json.dumps(["second", value]))
        source.go_on.set()
        assert b'["first", {"said": "two"}]' in answer.rest()


def linked(value):
    return {"app": current_app.name, "link": url_for("static", filename=value.name)}


def test_who_sends_from_elsewhere_has_the_apps_context_for_it(app, streams):
    app.config["SERVER_NAME"] = "site.example"
    have_default(app, linked)

    @app.route("/")
    def view():
        emitter = streams.emitter(format="text", heartbeat=0)
        sender = threading.Thread(target=lambda: emitter.send({"row": Model("a.png")}))
        sender.start()
        sender.join()
        emitter.complete()
        return emitter.response()

    with Answer(app, "/", base_url="http://site.example") as answer:
        assert b'{"row":{"app":"a_site","link":"http' in answer.rest()


@pytest.mark.parametrize("overflow", ["drop", "latest"])
def test_what_becomes_bytes_where_it_is_read_has_it_too(place, app, serve, overflow):
    have_default(app, lambda value: {"app": current_app.name})
    serve(lambda: [{"row": Model("ada")}], format="ndjson", overflow=overflow)
    with Answer(app, "/") as answer:
        assert b'{"row":{"app":"a_site"}}\n' in answer.rest()


# Failures.


def test_what_it_does_not_know_either_is_named(place, app, refused):
    have_default(app, of_the_app)
    assert "a object can't be sent as JSON" in refused({"thing": object()})


def test_its_own_failure_is_the_streams(place, app, refused):
    def failing(value):
        raise LookupError("no such row")

    have_default(app, failing)
    assert refused({"row": Model("ada")}) == "no such row"


def test_its_failure_within_the_hold_has_its_status(app, serve):
    have_default(app, of_the_app)
    serve(lambda: [{"thing": object()}], hold=1)
    with Answer(app, "/") as answer:
        answer.rest()
        assert answer.status == 500
