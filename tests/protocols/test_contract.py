"""What holds for every protocol, a third party's too: how an answer begins, goes on and ends, and
how a request is refused."""

from __future__ import annotations

import json
import operator
import re

import gevent
import pytest
from flask import Flask, abort
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_llmstream import CallableProvider, LLMStream, RequestError, StreamError
from tests.protocols.spoken import (
    DOCUMENT,
    SPOKEN,
    WAYS,
    OllamaChat,
    objects,
    path,
    with_option,
)
from tests.protocols.table import contract
from tests.support.answers import Answer
from tests.support.runtimes import GREENLETS, only, wait_for_worker_threads
from tests.support.servers import GEVENT, HANG_GUARD, serving
from tests.support.sources import Waiting

every_protocol = pytest.mark.parametrize("name", SPOKEN)
every_post = pytest.mark.parametrize("name", [n for n in SPOKEN if SPOKEN[n].method == "POST"])

CUT, WHOLE = ("a\ud83d", "\ude00b", "\u2028c"), "a😀b\u2028c"


class Model:
    """A function whose answer the question names. It keeps the last request.

    :ivar waiting: the source of the answer that waits.
    """

    def __init__(self):
        self.asked = self.waiting = None

    def __call__(self, request):
        self.asked = request
        question = request.prompt or request.messages[-1]["content"]
        return getattr(self, question, self.words)()

    def words(self):
        yield from ("Hello", " you")

    def cut(self):
        yield from CUT

    def early(self):
        raise StreamError("Too many questions.", code="busy", status=429, retry_after=7)
        yield

    def late(self):
        yield "Hello"
        raise StreamError("The model broke.", code="broke")

    def wrong(self):
        raise RequestError("is too much for this model", field="max_tokens")
        yield

    def wrong_late(self):
        yield "Hello"
        raise RequestError("is too much for this model", field="max_tokens")

    def many(self):
        yield from ["x"] * 300

    def waits(self):
        return iter(self.waiting)


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def streams(model):
    return LLMStream(providers={"model": CallableProvider(model)}, protocols=[OllamaChat()])


class Asked:
    """A request in a protocol, and its answer, read to the end.

    :ivar objects: the objects in the answer.
    """

    def __init__(self, app, name, body, **more):
        with answer_of(app, name, body, **more) as answer:
            self.bytes = answer.rest()
        wait_for_worker_threads()
        self.status, self.headers = answer.status, answer.headers
        self.way = WAYS[name]

    @property
    def objects(self):
        return objects(self.bytes)

    @property
    def text(self):
        return "".join(self.way.text(each) or "" for each in self.objects)

    @property
    def failure(self):
        """What the protocol's client is told of a failure before the first byte."""
        is_text = self.headers["Content-Type"].startswith("text/plain")
        return self.bytes.decode() if is_text else self.way.failure(self.objects[-1])

    @property
    def is_whole(self):
        return self.way.end in self.bytes.decode()


def answer_of(app, name, body, **more):
    sent = "json" if SPOKEN[name].method == "POST" else "query_string"
    more = {sent: body, "method": SPOKEN[name].method, **more}
    return Answer(app, more.pop("prefix", "/v1") + SPOKEN[name].rule, **more)


def ask(app, name, question, **more):
    return Asked(app, name, WAYS[name].ask(question), **more)


def test_every_protocol_has_its_line():
    assert list(WAYS) == list(SPOKEN), "give tests/protocols/spoken.py a line for the new protocol"


def test_the_document_shows_how_they_differ():
    assert contract() in DOCUMENT.read_text("utf-8"), "run python -m tests.protocols.table --write"


# An answer.


@every_protocol
def test_its_text_comes_and_it_ends_well(app, name):
    answer = ask(app, name, "words")
    assert (answer.status, answer.text, answer.is_whole) == (200, "Hello you", True)


@every_protocol
def test_halves_of_a_character_are_joined_and_no_reader_finds_a_line_end_in_it(app, name):
    answer = ask(app, name, "cut")
    assert answer.text == WHOLE
    assert "\u2028" not in answer.bytes.decode()


@every_protocol
def test_it_says_nothing_in_the_words_of_another(app, name):
    for question in ("words", "late"):
        text = ask(app, name, question).bytes.decode()
        others = {way.words for way in WAYS.values()} - {WAYS[name].words}
        assert [words for words in others if words in text] == []
        assert question == "late" or WAYS[name].words in text


@every_protocol
def test_it_has_one_id_which_the_log_tells_too(app, name, caplog):
    caplog.set_level("INFO")
    for question in ("words", "early", "late"):
        answer = ask(app, name, question)
        (told,) = answer.headers.getlist("X-Request-ID")
        assert set(re.findall('"([0-9a-f]{32})"', answer.bytes.decode())) <= {told}
        assert any(told in line for line in caplog.messages)


# Failures.


@every_protocol
def test_an_early_failure_has_its_true_status_and_the_protocols_form(app, name):
    answer = ask(app, name, "early")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert answer.failure == "Too many questions."


@every_protocol
def test_a_late_failure_has_the_protocols_form_and_does_not_look_whole(app, name):
    answer = ask(app, name, "late")
    assert (answer.status, answer.text, answer.is_whole) == (200, "Hello", False)
    told = [each for each in map(answer.way.failure, answer.objects) if each]
    assert told[-1] == "The model broke."


@every_protocol
@pytest.mark.parametrize(
    "option, value, status",
    [("model", "nobody", 404), ("temperature", "hot", 400), ("max_tokens", "few", 400)],
)
def test_what_is_wrong_is_named_as_the_protocol_names_it(app, model, name, option, value, status):
    answer = Asked(app, name, with_option(SPOKEN[name], WAYS[name].ask("words"), option, value))
    assert answer.status == status
    assert answer.failure.startswith(SPOKEN[name].field_names.get(option, option) + ":")
    assert model.asked is None


@every_protocol
@pytest.mark.parametrize("question, status", [("wrong", 400), ("wrong_late", 200)])
def test_so_is_what_the_model_calls_wrong(app, name, question, status):
    answer = ask(app, name, question)
    told = [each for each in map(answer.way.failure, answer.objects) if each] or [answer.failure]
    field = SPOKEN[name].field_names.get("max_tokens", "max_tokens")
    assert (answer.status, told[-1]) == (status, f"{field}: is too much for this model")


@every_post
@pytest.mark.parametrize(
    "request_, status",
    [
        ({"data": b"{", "json": None}, 400),
        ({"data": b"[]", "json": None}, 400),
        ({"data": b'{"a": "' + b"x" * 2000 + b'"}', "json": None}, 413),
        ({"data": b"{}", "json": None, "content_type": "text/plain"}, 415),
    ],
    ids=["no JSON", "a list", "too long", "text"],
)
def test_a_body_that_can_t_be_read_is_refused_in_its_form(make_app, name, request_, status):
    app = make_app(LLMSTREAM_MAX_BODY_BYTES=1000)
    answer = Asked(app, name, None, **{"content_type": "application/json", **request_})
    assert answer.status == status
    assert answer.failure


@every_protocol
def test_another_method_is_refused_in_its_form(app, name):
    answer = Asked(app, name, {}, method="PUT")
    assert answer.status == 405
    assert SPOKEN[name].method in answer.headers["Allow"]
    assert answer.failure


# Who may ask.


@every_protocol
def test_a_guard_s_refusal_has_its_form(model, name):
    app = Flask("guarded")
    models = {"model": CallableProvider(model)}
    LLMStream(app, providers=models, guard=lambda: abort(401), protocols=[OllamaChat()])
    answer = ask(app, name, "words")
    assert (answer.status, model.asked) == (401, None)
    assert answer.failure


@every_protocol
def test_a_page_of_another_site_is_refused_in_its_form(app, model, name):
    page = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    answer = ask(app, name, "words", headers=page)
    assert (answer.status, model.asked) == (403, None)
    assert "https://evil.example" in answer.failure


@every_protocol
def test_a_page_that_is_allowed_may_ask_and_read(make_app, name):
    friend = "https://friend.example"
    app = make_app(LLMSTREAM_ALLOWED_ORIGINS=[friend])
    method = SPOKEN[name].method
    preflight = {"Origin": friend, "Access-Control-Request-Method": method}
    with Answer(app, path(SPOKEN[name]), method="OPTIONS", headers=preflight) as allowed:
        allowed.rest()
    assert method in allowed.headers["Access-Control-Allow-Methods"]
    page = {"Sec-Fetch-Site": "cross-site", "Origin": friend}
    assert ask(app, name, "words", headers=page).headers["Access-Control-Allow-Origin"] == friend


# How much.


@every_protocol
@pytest.mark.parametrize("wanted, given", [(1000, 10), (5, 5)])
def test_no_answer_is_longer_than_the_operator_allows(make_app, model, name, wanted, given):
    app = make_app(LLMSTREAM_MAX_TOKENS=10)
    asked = with_option(SPOKEN[name], WAYS[name].ask("words"), "max_tokens", wanted)
    assert Asked(app, name, asked).status == 200
    assert model.asked.max_tokens == 10
    assert [model.asked.options[each] for each in model.asked.options if "max" in each] == [given]


@only(GREENLETS)
@every_protocol
@pytest.mark.parametrize(
    "limit, status",
    [({"LLMSTREAM_MAX_STREAMS": 1}, 503), ({"LLMSTREAM_MAX_STREAMS_PER_CLIENT": 1}, 429)],
    ids=["of all", "of a client"],
)
def test_where_there_is_no_slot_it_is_told_so(place, make_app, model, name, limit, status):
    app = make_app(LLMSTREAM_CLIENT_KEY=lambda: "a client", **limit)
    with waiting_answer(app, place, model, name):
        answer = ask(app, name, "words")
    assert (answer.status, answer.headers["Retry-After"]) == (status, "1")
    assert answer.failure


@only(GREENLETS)
@every_protocol
def test_a_drain_ends_it_with_its_failure_and_refuses_the_next(place, app, streams, model, name):
    with waiting_answer(app, place, model, name) as answer:
        draining = gevent.spawn(streams.drain, 0)
        rest = answer.rest()
        assert draining.get(timeout=HANG_GUARD) == 1
    told = [WAYS[name].failure(each) for each in objects(rest)]
    assert [each for each in told if each]
    assert WAYS[name].end not in rest.decode()
    refused = ask(app, name, "words")
    assert refused.status == 503
    assert refused.failure


def waiting_answer(app, place, model, name):
    """An answer whose model has said a word, and waits."""
    model.waiting = Waiting(place)
    answer = answer_of(app, name, WAYS[name].ask("waits"))
    answer.block()
    model.waiting.waits.wait()
    return answer


@every_protocol
@pytest.mark.parametrize("buffer", [0, 256])
@pytest.mark.parametrize(
    "overflow, more",
    [
        ("block", {}),
        ("missing", {}),
        ("buffer", {}),
        ("drop", {}),
        ("drop", {"gaps": True}),
        ("latest", {"coalesce": operator.add}),
        ("error", {}),
    ],
    ids=str,
)
def test_what_a_slow_reader_gets_is_an_answer_or_a_failure(
    make_app, streams, name, overflow, more, buffer
):
    app = make_app()
    chat = streams.blueprint("slow", overflow=overflow, buffer=buffer, **more)
    app.register_blueprint(chat, url_prefix="/slow")
    answer = ask(app, name, "many", prefix="/slow")
    assert set(answer.text) <= {"x"}
    failed = answer.status != 200 or any(map(answer.way.failure, answer.objects))
    assert failed != answer.is_whole
    assert failed or overflow in ("drop", "latest") or answer.text == "x" * 300


# Whatever is sent.

ANY = Flask("any")
ANY.config.update(PROPAGATE_EXCEPTIONS=False, LLMSTREAM_MAX_TOKENS=100)
LLMStream(ANY, providers={"model": CallableProvider(lambda _: "Hello")}, protocols=[OllamaChat()])

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
names = st.sampled_from(["type", "role", "content", "id", "name", "model", "text", "a"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)


def places(value, at=()):
    """The place of each value inside a value."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [at, *(place for key, each in inner for place in places(each, (*at, key)))]


def replaced(value, place, other):
    if not place:
        return other
    made = dict(value) if isinstance(value, dict) else list(value)
    made[place[0]] = replaced(value[place[0]], place[1:], other)
    return made


@every_post
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_json_is_answered_or_refused_in_its_form(name, data):
    asked = WAYS[name].ask("words")
    place = data.draw(st.sampled_from(places(asked)))
    added = data.draw(st.dictionaries(field_names(name), values, max_size=2))
    body = replaced(asked, place, data.draw(values))
    body = {**body, **added} if isinstance(body, dict) else body
    client = ANY.test_client()
    answer = client.post(
        path(SPOKEN[name]), data=json.dumps(body), content_type="application/json"
    )
    if answer.status_code != 200:
        assert 400 <= answer.status_code < 500, answer.data
        body = answer.get_json(silent=True)
        message = answer.get_data(as_text=True) if body is None else WAYS[name].failure(body)
        assert message.isprintable() and len(message) < 1000


def field_names(name):
    own = [path.split(".")[0] for path in SPOKEN[name].field_names.values()]
    return st.sampled_from(["tools", "context", "tool_choice", "metadata", "stream", *own])


# A real server.


@pytest.fixture(scope="module")
def live():
    command = GEVENT.command.replace("{app}", "tests.live_apps.spoken:app")
    with serving(command) as live:
        yield live


def streamed(live, name, question):
    """The answer of a real server."""
    body = WAYS[name].ask(question)
    if SPOKEN[name].method == "GET":
        query = "&".join(f"{key}={value}" for key, value in body.items())
        return live.request("GET", f"{path(SPOKEN[name])}?{query}")
    return live.request(
        "POST",
        path(SPOKEN[name]),
        body=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )


def read_until(reader, enough):
    got = b""
    while not enough(got):
        piece = reader.response.read1(65536)
        assert piece, got
        got += piece
    return got


@every_protocol
def test_a_model_is_closed_when_its_reader_leaves_while_it_is_silent(live, name):
    with streamed(live, name, f"left_{name}") as reader:
        read_until(reader, lambda got: b"Hello" in got)
    assert live.get(f"/closed/left_{name}?seconds={HANG_GUARD / 2}") == {"closed": True}
    assert live.frees_all_slots()


@every_protocol
def test_a_silent_event_stream_has_heartbeats_which_its_reader_survives(live, name):
    with streamed(live, name, f"silent_{name}") as reader:
        is_event_stream = "event-stream" in reader.response.headers["Content-Type"]
        beats = 3 if is_event_stream else 0
        got = read_until(reader, lambda got: b"Hello" in got and got.count(b": \n") >= beats)
        live.post(f"/release/silent_{name}")
        got += reader.response.read()
    assert "".join(WAYS[name].text(each) or "" for each in objects(got)) == "Hello you"
    assert WAYS[name].end in got.decode()
    assert is_event_stream or b": \n" not in got
