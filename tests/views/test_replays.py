"""A reader who comes back gets the rest of a stream that is kept, on every kind of worker."""

from __future__ import annotations

import gc
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream import Delta, EventStreamDecoder, LLMStream, ServerSentEvent
from tests.support.answers import Answer
from tests.support.eventually import eventually

FORMATS = ["message", "text", "ui-message", "ag-ui"]


@pytest.fixture
def site(app, streams):
    """A site with a stream that is kept at ``/``, and the log at ``/log/<stream_id>``."""

    def site(make_source, **options):
        options.setdefault("reconnect", "resume")
        app.add_url_rule("/", "view", lambda: streams.response(make_source(), **options))
        app.add_url_rule("/log/<stream_id>", "log", lambda stream_id: streams.attach(stream_id))
        return app

    return site


def whole(app, path="/", last=""):
    """An answer, read to its end."""
    with Answer(app, path, headers={"Last-Event-ID": last} if last else {}) as answer:
        answer.body = answer.rest()
    return answer


def log_of(answer, last="", number=None):
    """The arguments of ``whole`` for the log of an answer."""
    stream_id = answer.headers["X-Stream-ID"]
    return f"/log/{stream_id}", last if number is None else f"{stream_id}:{number}"


def read_until(answer, text):
    """Read an answer up to the block with this text."""
    while text not in answer.block():
        pass


def events_in(body):
    return [(event.event, event.data) for event in EventStreamDecoder().feed(body)]


def last_id_in(body):
    decoder = EventStreamDecoder()
    decoder.feed(body)
    return decoder.last_event_id


def test_each_event_has_an_id_that_begins_with_the_streams(place, site):
    answer = whole(site(lambda: ["one", "two"]))
    stream_id = answer.headers["X-Stream-ID"]
    ids = [event.id for event in EventStreamDecoder().feed(answer.body)]
    assert ids == [f"{stream_id}:{number}" for number in ("0", "1", "2", "ended")]


def test_an_answer_that_is_not_kept_has_no_stream_id(place, site):
    assert "X-Stream-ID" not in whole(site(lambda: ["one"], reconnect="refuse")).headers


def test_a_format_without_events_is_not_kept(place, site):
    answer = whole(site(lambda: ["one"], format="ndjson"))
    assert "X-Stream-ID" not in answer.headers
    assert b"id:" not in answer.body


@pytest.mark.parametrize("format", FORMATS)
def test_the_log_gives_the_same_bytes_as_the_stream(place, site, format):
    app = site(lambda: ["one", " two\n", "", "\u2028\ud83d\ude00"], format=format)
    answer = whole(app)
    assert whole(app, *log_of(answer)).body == answer.body


@pytest.mark.parametrize("format", FORMATS)
def test_wherever_a_stream_is_cut_its_reader_gets_the_rest(app, site, format):
    words = ["one", " two\n", " ", "three\r\n", "\U0001f600"]
    answer = whole(site(lambda: words, format=format))
    events = events_in(answer.body)

    @given(st.integers(0, len(answer.body)))
    def rest_follows(cut):
        read = answer.body[:cut]
        last = last_id_in(read)
        if not last.endswith(":ended"):
            assert events_in(read) + events_in(whole(app, *log_of(answer, last)).body) == events

    rest_follows()


def test_an_event_source_that_comes_back_to_the_view_gets_the_rest(place, site):
    runs = []

    def source():
        runs.append(1)
        yield from ("one", "two", "three")

    app = site(source)
    answer = whole(app)
    rest = whole(app, "/", log_of(answer, number=2)[1])
    assert [data for _, data in events_in(rest.body)] == [
        '{"ended":false,"message":"three"}',
        '{"ended":true,"message":"","reason":"complete"}',
    ]
    assert (len(runs), rest.headers["X-Stream-ID"]) == (1, answer.headers["X-Stream-ID"])


def test_one_who_has_the_end_gets_204(place, site):
    client = site(lambda: ["one"]).test_client()
    answer = client.get("/")
    stream_id = answer.headers["X-Stream-ID"]
    answer.close()
    for path in ("/", f"/log/{stream_id}"):
        again = client.get(path, headers={"Last-Event-ID": f"{stream_id}:ended"})
        assert (again.status_code, again.data) == (204, b"")
        assert again.headers["Cache-Control"] == "no-store"


def test_a_query_stands_for_the_header(place, site):
    app = site(lambda: ["one", "two"])
    path, last = log_of(whole(app), number=1)
    answer = whole(app, f"{path}?lastEventId={last}")
    assert [event for event, _ in events_in(answer.body)] == ["message", "message"]


@pytest.mark.parametrize("last", ["-1", "0", "7", "9" * 400, "x" * 32 + ":1", "\xe9"])
def test_an_id_that_is_no_event_of_the_stream_is_refused(place, site, last):
    """It begins nothing anew (bytedance/deer-flow#4012)."""
    app = site(lambda: ["one"])
    path, _ = log_of(whole(app))
    answer = whole(app, path, last)
    assert answer.status == 400
    assert b'"param":"Last-Event-ID"' in answer.body


def test_a_number_beyond_the_last_event_gives_the_end(place, site):
    app = site(lambda: ["one"])
    answer = whole(app, *log_of(whole(app), number=900))
    assert [data for _, data in events_in(answer.body)] == [
        '{"ended":true,"message":"","reason":"complete"}'
    ]


def test_a_stream_that_nobody_knows_is_404(place, site):
    assert whole(site(lambda: []), "/log/" + "x" * 32).status == 404


def test_a_failure_is_kept_like_any_end(place, site):
    """Readers who wait hear of it (Significant-Gravitas/AutoGPT#11877)."""
    def source():
        yield "one"
        raise LookupError("of no interest")

    app = site(source)
    answer = whole(app)
    assert events_in(answer.body)[-1][0] == "error"
    rest = events_in(whole(app, *log_of(answer, number=1)).body)
    assert rest == events_in(answer.body)[-1:]


def test_an_event_with_an_id_of_its_own_is_an_error(place, site):
    answer = whole(site(lambda: [ServerSentEvent("one", id="7")]))
    assert [event for event, _ in events_in(answer.body)] == ["opened", "error"]


def test_what_is_kept_no_more_is_told_as_a_gap(place, make_app, streams):
    app = make_app(LLMSTREAM_REPLAY_MAX_EVENTS=8)
    app.add_url_rule("/", "view", lambda: streams.response(map(str, range(20)), reconnect="resume"))
    app.add_url_rule("/log/<stream_id>", "log", lambda stream_id: streams.attach(stream_id))
    answer = whole(app)
    events = events_in(whole(app, *log_of(answer, number=3)).body)
    assert events[0][0] == "gap"
    lost = 20 - 3 - len(events[1:-1])
    assert events[0][1] == f'{{"lost":{lost}}}'
    assert lost > 0 and events[-2][1] == '{"ended":false,"message":"19"}'


# A stream that runs.


def test_a_reader_of_the_log_follows_a_stream_that_runs(place, site, waiting):
    app = site(lambda: waiting)
    with Answer(app, "/") as first:
        first.block()
        waiting.waits.wait()
        with Answer(app, log_of(first)[0]) as second:
            read_until(second, b'"one"')
            waiting.go_on.set()
            assert [data for _, data in events_in(second.rest())] == [
                '{"ended":false,"message":"two"}',
                '{"ended":true,"message":"","reason":"complete"}',
            ]
        assert b'"two"' in first.rest()


def test_one_who_leaves_can_come_back(place, site, waiting):
    app = site(lambda: waiting)
    with Answer(app, "/") as first:
        first.block()
        waiting.waits.wait()
    with Answer(app, log_of(first, number=1)[0]) as second:
        second.block()
        waiting.go_on.set()
        assert b'"two"' in second.rest()
    assert waiting.closed == [True]


def test_stop_ends_it_for_all_readers(place, app, site, streams, waiting):
    site(lambda: waiting)
    with Answer(app, "/") as first:
        first.block()
        waiting.waits.wait()
        with Answer(app, log_of(first)[0]) as second:
            second.block()
            with app.app_context():
                streams.stop(first.headers["X-Stream-ID"])
            if not place.interrupts:
                waiting.go_on.set()
            assert b'"reason":"cancelled"' in first.rest()
            assert b'"reason":"cancelled"' in second.rest()


@pytest.mark.parametrize("format", ["ui-message", "ag-ui"])
@pytest.mark.parametrize("buffer", [1, 2, 3])
def test_a_stop_while_the_source_waits_for_room_leaves_no_frame_in_parts(
    place, app, site, streams, format, buffer
):
    given = []

    def source():
        for word in "abcdefgh":
            yield Delta(reasoning=word)
            yield Delta(text=word)
            given.append(word)

    with Answer(site(source, format=format, buffer=buffer), "/") as answer:
        body = answer.block()
        while len(given) < 2:
            body += answer.block()
        with app.app_context():
            streams.stop(answer.headers["X-Stream-ID"])
        body += answer.rest()
    assert unbalanced(body) == []
    assert whole(app, *log_of(answer)).body == body


def unbalanced(body):
    """The events of parts that have not begun, and the parts that have not ended."""
    begun, wrong = set(), []
    for event in EventStreamDecoder().feed(body):
        fields = json.loads(event.data) if event.data[:1] == "{" else {}
        kind, _, step = fields.get("type", "").lower().replace("_", "-").rpartition("-")
        part = kind, fields.get("id", fields.get("messageId"))
        if step == "start" and part[1]:
            begun.add(part)
        elif step in ("delta", "content", "end") and part not in begun:
            wrong.append(fields)
        if step == "end":
            begun.discard(part)
    return wrong + sorted(begun)


def test_a_stop_of_what_has_ended_changes_nothing(place, app, site, streams):
    answer = whole(site(lambda: ["one"]))
    with app.app_context():
        streams.stop(answer.headers["X-Stream-ID"])
    assert whole(app, *log_of(answer)).body == answer.body


def test_an_emitter_that_nobody_reads_is_over_for_its_log(place, app, streams):
    @app.route("/")
    def view():
        emitter = streams.emitter(reconnect="resume")
        emitter.send("one")
        return emitter.response().headers["X-Stream-ID"]

    app.add_url_rule("/log/<stream_id>", "log", lambda stream_id: streams.attach(stream_id))
    stream_id = app.test_client().get("/").get_data(as_text=True)
    gc.collect()
    answer = whole(app, f"/log/{stream_id}")
    assert [event for event, _ in events_in(answer.body)] == ["opened", "message", "message"]
    assert b'"reason":"cancelled"' in answer.body


# Who leaves.


def test_with_finish_the_source_runs_to_its_end_without_a_reader(place, site, waiting, finished):
    app = site(lambda: waiting, reconnect="refuse", on_leave="finish", on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
    waiting.go_on.set()
    summary = finished.summary()
    assert (summary.reason, summary.text, summary.items) == ("complete", "onetwo", 2)


def test_with_cancel_the_stream_ends_with_its_last_reader(place, site, waiting, finished):
    app = site(lambda: waiting, on_leave="cancel", on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
    running = app.extensions["llmstream"].slots
    eventually(lambda: all(stream.reason for stream in running.streams))
    waiting.go_on.set()
    assert finished.summary().reason == "disconnect"


@pytest.mark.parametrize("options", [{"reconnect": "refuse"}, {"format": "ndjson"}])
def test_a_stream_that_is_not_kept_ends_with_its_reader(place, site, waiting, finished, options):
    app = site(lambda: waiting, on_finish=finished, **options)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
    if not place.interrupts:
        waiting.go_on.set()
    assert finished.summary().reason == "disconnect"


def test_a_departure_is_told_at_once_though_the_stream_goes_on(place, site, waiting, finished):
    left = place.for_reader()
    app = site(lambda: waiting, on_disconnect=lambda _: left.set(), on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
    left.wait()
    waiting.go_on.set()
    assert finished.summary().reason == "complete"


def test_a_timeout_ends_a_stream_without_a_reader(place, site, waiting, finished):
    app = site(lambda: waiting, idle_timeout=0.01, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
    assert b'"code":"timeout"' in whole(app, log_of(answer)[0]).body
    waiting.go_on.set()
    assert finished.summary().reason == "timeout"


def test_a_reader_whose_connection_grew_old_comes_back_to_the_same_stream(place, site, waiting):
    app = site(lambda: waiting, max_lifetime=0.01)
    first = whole(app)
    assert first.body.endswith(b"\n\n") is False
    assert b"retry: " in first.body and b"ended" not in first.body.partition(b"retry: ")[2]
    with Answer(app, log_of(first, number=1)[0]) as second:
        second.block()
        waiting.go_on.set()
        assert b'"two"' in second.rest()
    assert waiting.closed == [True]


def test_each_app_keeps_its_own(place, make_app, site):
    answer = whole(site(lambda: ["one"]))
    other = LLMStream()
    app = make_app(other)
    app.add_url_rule("/log/<stream_id>", "log", lambda stream_id: other.attach(stream_id))
    assert whole(app, *log_of(answer)).status == 410  # they sign with one key
