"""Streams that are kept, at the chat endpoints: read again, followed, stopped, listed."""

from __future__ import annotations

import json
import re

import pytest
from flask import abort

from flask_llmstream import CallableProvider, Delta, LLMStream, ToolCallDelta, Usage
from flask_llmstream.protocols import PROTOCOLS
from tests.protocols.spoken import WAYS
from tests.support.answers import Answer
from tests.support.sources import Waiting

STREAMS = "/v1/chat/streams"
COMPLETIONS = "/v1/chat/completions"
EACH_PROTOCOL = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.name)


def every_kind_of_piece(request):
    yield "Hello "
    yield Delta("you", reasoning="Say hello.")
    yield Delta(tool_calls=(ToolCallDelta(0, "call-1", "look", '{"at":1}'),))
    yield Usage(3, 5)


@pytest.fixture
def sources():
    """What the model ``held`` answers."""
    return []


@pytest.fixture
def held(place, sources):
    """An answer that waits after its first word."""
    source = Waiting(place)
    sources.append(source)
    yield source
    source.go_on.set()


@pytest.fixture
def streams(sources):
    models = {"talk": every_kind_of_piece, "held": lambda request: iter(sources[0])}
    return LLMStream(providers={name: CallableProvider(each) for name, each in models.items()})


@pytest.fixture
def app(make_app):
    return make_app(LLMSTREAM_RECONNECT="resume", LLMSTREAM_CHAT_HOLD=0)


def asked(app, protocol, question="Hello", **more):
    """The arguments of the request of a protocol's client."""
    body = WAYS[protocol.name].ask(question)
    way = {"json": body} if protocol.method == "POST" else {"query_string": body}
    return {"path": f"/v1{protocol.rule}", "method": protocol.method, **way, **more}


def start(app, model="held", **more):
    """Begin an answer."""
    return Answer(app, COMPLETIONS, method="POST", json={"prompt": "Hello", "model": model}, **more)


def ask(app, path, method="GET", **more):
    """An answer, read to its end."""
    with Answer(app, path, method=method, **more) as answer:
        answer.body = answer.rest()
    return answer


def stop(app, answer):
    """The status of a stop. Werkzeug's validator wants a 204 to have a length, against RFC 9110."""
    return app.test_client().delete(path_of(answer)).status_code


def read_until(answer, text):
    while text not in answer.block():
        pass


def path_of(answer):
    return f"{STREAMS}/{answer.headers['X-Stream-ID']}"


def code_of(answer):
    return json.loads(answer.body)["error"]["code"]


def ids_in(body):
    return [found.decode() for found in re.findall(rb"^id: (.*)$", body, re.MULTILINE)]


def behind(body, event_id):
    """What follows an event, without comments."""
    at = body.index(f"id: {event_id}\n".encode())
    return body[body.index(b"\n\n", at) + 2 :]


# Reading.


@EACH_PROTOCOL
def test_each_event_of_each_protocol_has_an_id_of_its_own(app, protocol):
    answer = ask(app, **asked(app, protocol))
    stream_id = answer.headers["X-Stream-ID"]
    events = [event for event in answer.body.split(b"\n\n") if event]
    assert len(ids_in(answer.body)) == len(set(ids_in(answer.body))) == len(events)
    assert all(each.startswith(f"{stream_id}:") for each in ids_in(answer.body))


@EACH_PROTOCOL
def test_an_answer_of_each_protocol_is_read_again_from_each_event(app, protocol):
    answer = ask(app, **asked(app, protocol))
    assert ask(app, path_of(answer)).body == answer.body
    *before, last = ids_in(answer.body)
    for event_id in before:
        again = ask(app, path_of(answer), headers={"Last-Event-ID": event_id})
        assert again.status == 200
        assert again.body.replace(b": \n", b"", 1).lstrip(b"\n") == behind(answer.body, event_id)
    if last.endswith(":ended"):
        has_all = app.test_client().get(path_of(answer), headers={"Last-Event-ID": last})
        assert (has_all.status_code, has_all.data) == (204, b"")


@EACH_PROTOCOL
def test_a_client_of_each_protocol_hears_of_a_gap(make_app, protocol):
    """By an event, or by 410. A client skips a comment."""
    app = make_app(LLMSTREAM_RECONNECT="resume", LLMSTREAM_REPLAY_MAX_EVENTS=1)
    again = ask(app, path_of(ask(app, **asked(app, protocol))))
    if again.status == 200:
        assert re.search(rb"^(event|data):.*gap", again.body, re.MULTILINE)
    else:
        assert (again.status, code_of(again)) == (410, "evicted")


@EACH_PROTOCOL
def test_the_address_of_the_answer_gives_the_rest_and_asks_no_model(make_app, protocol):
    runs = []
    model = CallableProvider(lambda request: runs.append(1) or iter(["one ", "two"]))
    app = make_app(LLMStream(providers={"model": model}), LLMSTREAM_RECONNECT="resume")
    answer = ask(app, **asked(app, protocol))
    last = ids_in(answer.body)[0]
    rest = ask(app, **asked(app, protocol, headers={"Last-Event-ID": last}))
    assert rest.headers["X-Stream-ID"] == answer.headers["X-Stream-ID"]
    assert ids_in(rest.body) == ids_in(answer.body)[1:]
    assert runs == [1]


def test_an_answer_has_one_id_its_requests_and_its_streams(app):
    answer = ask(app, **asked(app, PROTOCOLS[0]))
    assert answer.headers["X-Request-ID"] == answer.headers["X-Stream-ID"]


@pytest.mark.parametrize(
    "path, body",
    [
        (COMPLETIONS, {"messages": [{"role": "user", "content": "Hello"}]}),
        ("/v1/completions", {"prompt": "Hello"}),
        (f"{COMPLETIONS}?format=ndjson", {"prompt": "Hello"}),
    ],
    ids=["chat", "text", "lines"],
)
def test_an_answer_without_events_is_not_kept(app, path, body):
    answer = ask(app, path, "POST", json=body)
    assert answer.status == 200
    assert "X-Stream-ID" not in answer.headers
    assert ask(app, f"{STREAMS}/{answer.headers['X-Request-ID']}").status == 404


def test_nothing_is_kept_by_default(make_app):
    assert "X-Stream-ID" not in ask(make_app(), **asked(None, PROTOCOLS[0])).headers


def test_a_blueprint_may_keep_its_answers_alone(make_app, streams):
    app = make_app()
    app.register_blueprint(streams.blueprint("kept", reconnect="resume"), url_prefix="/kept")
    asked = {"json": {"prompt": "Hello"}, "method": "POST"}
    answer = ask(app, "/kept/chat/completions", **asked)
    assert ask(app, f"/kept/chat/streams/{answer.headers['X-Stream-ID']}").body == answer.body
    assert "X-Stream-ID" not in ask(app, COMPLETIONS, **asked).headers


def test_the_stream_of_a_view_of_ones_own_is_read_there_too(app, streams):
    app.add_url_rule("/mine", "mine", lambda: streams.response(["one", "two"]))
    answer = ask(app, "/mine")
    assert ask(app, path_of(answer)).body == answer.body


def test_a_second_reader_follows_a_stream_that_runs(place, app, held):
    with start(app) as first:
        first.block()
        held.waits.wait()
        with Answer(app, path_of(first)) as second:
            read_until(second, b'"one"')
            held.go_on.set()
            assert b'"two"' in second.rest()
        assert b'"two"' in first.rest()


def test_the_head_says_what_a_reader_would_get(app):
    answer = ask(app, **asked(app, PROTOCOLS[0]))
    head = app.test_client().head(path_of(answer))
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["X-Stream-ID"] == answer.headers["X-Stream-ID"]
    assert head.headers["Content-Type"].startswith("text/event-stream")


JUNK = ["-1", "0", "x", "x" * 31, "x" * 33, "x" * 4000, "é" * 32, "x" * 31 + "\n", "x" * 31 + "%00",
        " " * 32, "..", "...", "*" * 32, "a" * 32, "A" * 32, "0" * 32, "_" * 32]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_never_was_an_id_is_404(app, method):
    for stream_id in JUNK:
        answer = ask(app, f"{STREAMS}/{stream_id}", method)
        assert answer.status == 404, stream_id
        assert code_of(answer) in ("unknown_stream", "unknown_path")


def test_an_id_in_other_letters_is_another(app):
    answer = ask(app, **asked(app, PROTOCOLS[0]))
    assert ask(app, path_of(answer).swapcase().replace("/V1/CHAT/STREAMS", STREAMS)).status == 404


def test_an_id_with_anything_beside_it_is_another(app):
    answer = ask(app, **asked(app, PROTOCOLS[0]))
    for beside in ("{}/..", "{}/", "{}%2f", "../streams/{}", "{};a=1", "{}{}"):
        again = ask(app, f"{STREAMS}/{beside.replace('{}', answer.headers['X-Stream-ID'])}")
        assert again.status == 404, beside
        assert "X-Stream-ID" not in again.headers


def last_events(answer, other):
    mine, others = answer.headers["X-Stream-ID"], other.headers["X-Stream-ID"]
    yield from ("-1", "0", "x", "9" * 9000, f"{others}:1", f"{others}:ended", mine, f"*:{mine}:1")
    yield from (f"{mine}:", f"{mine}:-1", f"{mine}:+1", f"{mine}:1.", f"{mine}:0x1", f"{mine}: 1")
    yield from (f"{mine}:1:1", f"{mine}:\u0661", f"{mine}:{'9' * 40}", f"{mine.lower()}:1")
    yield from (f"{mine}:ENDED", f"{mine}:end", f"{mine}:end.0", f"{mine}\n:1")


def test_a_last_event_that_is_none_of_this_stream_is_refused(app):
    answer, other = (ask(app, **asked(app, PROTOCOLS[0])) for _ in range(2))
    client = app.test_client()
    for last in last_events(answer, other):
        again = client.get(path_of(answer), query_string={"lastEventId": last})
        assert again.status_code == 400, last
        assert again.get_json()["error"]["param"] == "Last-Event-ID"


def test_a_header_stands_before_a_query(app):
    answer = ask(app, **asked(app, PROTOCOLS[0]))
    stream_id, ids = answer.headers["X-Stream-ID"], ids_in(answer.body)
    path = f"{path_of(answer)}?lastEventId={stream_id}:1&lastEventId=x"
    assert ids_in(ask(app, path, headers={"Last-Event-ID": f"{stream_id}:2"}).body) == ids[3:]
    assert ids_in(ask(app, path).body) == ids[2:]


def test_a_number_beyond_the_end_gives_the_end(app):
    answer = ask(app, **asked(app, PROTOCOLS[0]))
    last = f"{answer.headers['X-Stream-ID']}:999999999999999"
    again = ask(app, path_of(answer), headers={"Last-Event-ID": last})
    assert again.status == 200
    assert ids_in(again.body) == [each for each in ids_in(answer.body) if ":end" in each]


def test_an_event_of_another_run_is_told_as_replaced(app):
    """It may have a higher number than all of this run (danny-avila/LibreChat#10926)."""
    answer = ask(app, **asked(app, PROTOCOLS[0]))
    last = f"{answer.headers['X-Stream-ID']}:2.1"
    again = ask(app, path_of(answer), headers={"Last-Event-ID": last})
    assert (again.status, code_of(again)) == (410, "replaced")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_is_kept_no_more_is_410(make_app, method):
    app = make_app(LLMSTREAM_RECONNECT="resume", LLMSTREAM_REPLAY_MAX_STREAMS=1)
    first, _ = (ask(app, **asked(app, PROTOCOLS[0])) for _ in range(2))
    again = ask(app, path_of(first), method)
    assert (again.status, code_of(again)) == (410, "expired")


def test_who_comes_back_too_late_begins_no_second_answer(make_app):
    runs = []
    model = CallableProvider(lambda request: runs.append(1) or iter(["one ", "two"]))
    providers = LLMStream(providers={"model": model})
    app = make_app(providers, LLMSTREAM_RECONNECT="resume", LLMSTREAM_REPLAY_MAX_STREAMS=1)
    address = "/v1/chat/stream?prompt=Hello"
    first, _ = (ask(app, address) for _ in range(2))
    again = ask(app, address, headers={"Last-Event-ID": ids_in(first.body)[1]})
    assert (again.status, code_of(again), runs) == (410, "expired", [1, 1])


def test_without_a_secret_key_any_id_that_is_not_kept_is_410(make_app):
    app = make_app(LLMSTREAM_RECONNECT="resume", SECRET_KEY=None)
    answer = ask(app, **asked(app, PROTOCOLS[0]))
    assert ask(app, path_of(answer)).body == answer.body
    for method in ("GET", "DELETE"):
        assert ask(app, f"{STREAMS}/{'a' * 32}", method).status == 410
        assert ask(app, f"{STREAMS}/{'a' * 31}", method).status == 404


# Stopping.


def test_a_stop_ends_it_for_all_readers_also_while_the_model_is_silent(place, app, held):
    with start(app) as first:
        first.block()
        held.waits.wait()
        with Answer(app, path_of(first)) as second:
            second.block()
            assert stop(app, first) == 204
            if not place.interrupts:
                held.go_on.set()
            for reader in (first, second):
                assert b'"reason":"cancelled"' in reader.rest()


def test_a_stop_before_the_first_token_ends_it(place, make_app):
    source = Waiting(place)

    def silent(request):
        source.waits.set()
        source.go_on.wait()
        yield "never"

    models = {"silent": CallableProvider(silent)}
    app = make_app(LLMStream(providers=models), LLMSTREAM_RECONNECT="resume", LLMSTREAM_CHAT_HOLD=0)
    with start(app, "silent") as answer:
        answer.block()
        source.waits.wait()
        assert stop(app, answer) == 204
        source.go_on.set()
        rest = answer.rest()
    assert b'"reason":"cancelled"' in rest and b"never" not in rest


def test_a_second_stop_and_one_behind_the_end_change_nothing(app):
    answer = ask(app, **asked(app, PROTOCOLS[0]))
    for _ in range(2):
        assert stop(app, answer) == 204
    assert ask(app, path_of(answer)).body == answer.body


def test_who_leaves_a_stream_does_not_stop_it(place, app, held):
    with start(app) as answer:
        answer.block()
        held.waits.wait()
    with Answer(app, path_of(answer)) as again:
        again.block()
        held.go_on.set()
        assert b'"two"' in again.rest()


# Listing: only what has an owner. test_ownership.py has the rest.


def test_who_left_comes_back_where_a_client_may_have_one_answer(place, make_app, held):
    app = make_app(
        LLMSTREAM_RECONNECT="resume", LLMSTREAM_CHAT_HOLD=0, LLMSTREAM_MAX_STREAMS_PER_CLIENT=1
    )
    of_one = {"environ": {"REMOTE_ADDR": "192.0.2.1"}}
    key = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    with start(app, headers=key, **of_one) as first:
        read_until(first, b'"one"')
        held.waits.wait()
    with start(app, headers=key, **of_one) as again:
        read_until(again, b'"one"')
        assert ask(app, path_of(first), **of_one).status == 429
        assert ask(app, COMPLETIONS, "POST", json={"prompt": "Hi"}, **of_one).status == 429
        held.go_on.set()
        assert b'"two"' in again.rest()


def test_a_site_that_is_full_says_so_in_a_line(place, make_app, held, caplog):
    app = make_app(
        LLMSTREAM_RECONNECT="resume", LLMSTREAM_CHAT_HOLD=0, LLMSTREAM_REPLAY_MAX_STREAMS=1
    )
    with start(app) as first:
        read_until(first, b'"one"')
        refused = ask(app, COMPLETIONS, "POST", json={"prompt": "Hello"})
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert [line.exc_info for line in caplog.records] == [None]
        held.go_on.set()
        first.rest()


def test_a_stream_that_nobody_owns_is_in_no_list(place, app, held):
    with start(app) as answer:
        answer.block()
        held.waits.wait()
        listed = app.test_client().get(STREAMS)
        assert listed.get_json() == {"object": "list", "data": []}
        held.go_on.set()
        answer.rest()


# Other sites, guards.

ID = "a" * 32
OTHER = {"Origin": "https://other.example", "Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize(
    "method, path",
    [("GET", ""), ("GET", f"/{ID}"), ("DELETE", f"/{ID}"), ("POST", f"/{ID}/tickets")],
)
def test_a_page_of_another_site_is_refused(app, method, path):
    answer = ask(app, STREAMS + path, method, headers=OTHER)
    assert (answer.status, code_of(answer)) == (403, "cross_site")


@pytest.mark.parametrize("method, path", [("DELETE", ""), ("GET", ""), ("POST", "/tickets")])
def test_a_page_that_is_allowed_may_read_and_stop(make_app, method, path):
    origin = "https://friend.example"
    app = make_app(LLMSTREAM_RECONNECT="resume", LLMSTREAM_ALLOWED_ORIGINS=[origin])
    page = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    answer = ask(app, **asked(app, PROTOCOLS[0]), headers=page)
    assert "X-Stream-ID" in answer.headers["Access-Control-Expose-Headers"]
    preflight = {
        **page,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "last-event-id",
    }
    allowed = ask(app, path_of(answer) + path, "OPTIONS", headers=preflight).headers
    assert method in allowed["Access-Control-Allow-Methods"].split(", ")
    assert "last-event-id" in allowed["Access-Control-Allow-Headers"].lower()
    again = app.test_client().open(path_of(answer) + path, method=method, headers=page)
    assert again.status_code in (200, 204)
    assert again.headers["Access-Control-Allow-Origin"] == origin


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_guard_stands_before_them(make_app, streams, method):
    guarded = LLMStream(providers={"talk": CallableProvider(every_kind_of_piece)},
                        guard=lambda: abort(401))  # fmt: skip
    app = make_app(guarded, LLMSTREAM_RECONNECT="resume")
    for path in (STREAMS, f"{STREAMS}/{'a' * 32}"):
        assert ask(app, path, method).status in (401, 405)
    assert ask(app, f"{STREAMS}/{'a' * 32}", method).status == 401


def test_another_method_is_told_which_there_are(app):
    answer = ask(app, f"{STREAMS}/{'a' * 32}", "PUT")
    assert (answer.status, code_of(answer)) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "DELETE", "OPTIONS"}
