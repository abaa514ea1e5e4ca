"""``EventSource``: what it sends, what it reads, and its errors before a stream has opened."""

from __future__ import annotations

import gzip
import json
import zlib
from itertools import count
from threading import Semaphore

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream import (
    ConnectionFailed,
    EventSourceError,
    EventTooLarge,
    MessageEvent,
    NotAnEventStream,
    ServerFailure,
    StreamStalled,
    StreamTruncated,
)
from flask_llmstream.client.event_source import EventSource
from tests.client.canned import Canned, session_of
from tests.client.kept_server import AT_ONCE
from tests.support.upstream import (
    CLOSING_HEAD,
    HANG_GUARD,
    HEAD,
    LAST_CHUNK,
    Upstream,
    answer,
    nobody_accepts,
    nobody_listens,
    nobody_shakes_hands,
    silence,
    silence_after,
    tokens,
)

URL = "http://site.test/"


def canned(*bodies, **options):
    """A reader that posts, and gets these bodies."""
    headers = {"content_type": options.pop("content_type", "text/event-stream")}
    adapter = Canned(*bodies, status=options.pop("status", 200), **headers)
    options.setdefault("json", {})
    return EventSource(URL, session=session_of(adapter), backoff=AT_ONCE, **options)


def sent_by(**options):
    adapter = Canned(b"", content_type="text/event-stream")
    list(EventSource(URL, session=session_of(adapter), max_tries=0, json={}, **options))
    return adapter.requests[0]


# What is sent.


def test_nothing_is_sent_before_the_first_event_is_asked_for():
    with Upstream(tokens("one")) as upstream:
        with EventSource(upstream.url) as source:
            assert iter(source) is source and source.response is None
        assert not upstream.connected.is_set()


def test_json_makes_a_post():
    request = sent_by()
    assert (request.method, request.headers["Content-Type"]) == ("POST", "application/json")
    with Upstream(tokens("one")) as upstream:
        with EventSource(upstream.url, json={"größe": [1, None]}) as source:
            list(source)
    assert upstream.requests[0].json == {"größe": [1, None]}


def test_data_makes_a_post_too():
    with Upstream(tokens("one")) as upstream, EventSource(upstream.url, data={"a": "b"}) as source:
        list(source)
    (request,) = upstream.requests
    assert (request.method, request.body) == ("POST", b"a=b")


def test_a_method_of_one_s_own():
    with Upstream(tokens("one")) as upstream:
        with EventSource(upstream.url, method="put", data=b"x") as source:
            list(source)
    assert upstream.requests[0].method == "PUT"


def test_the_headers_of_an_event_source():
    headers = sent_by().headers
    assert headers["Accept"] == "text/event-stream"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Cache-Control"] == "no-store"
    assert "Last-Event-ID" not in headers


def test_headers_of_one_s_own_take_their_place():
    headers = sent_by(headers={"accept": "text/plain", "X-Own": "yes"}).headers
    assert headers["Accept"] == "text/plain" and headers["X-Own"] == "yes"


def test_the_event_to_begin_behind():
    assert sent_by(last_event_id=" é1 ").headers["Last-Event-ID"] == "é1".encode()


@pytest.mark.parametrize(
    "last, sent",
    [
        ("\u00a0x\u3000", "\u00a0x\u3000".encode()),  # no blanks to HTTP
        ("\x1fx", b"\x1fx"),
        ("\x0cx\t", b"x"),
        ("\x0b", None),
    ],
)
def test_an_id_is_sent_but_for_the_blanks_around_it(last, sent):
    assert sent_by(last_event_id=last).headers.get("Last-Event-ID") == sent


@pytest.mark.parametrize(
    "options, named",
    [
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"json": {}, "data": b""}, "json and data"),
        ({"json": object()}, "json"),
        ({"json": float("nan")}, "json"),
        ({"data": iter(b""), "repeat_post": True}, "repeat_post"),
        ({"last_event_id": "1\n"}, "last_event_id"),
        ({"last_event_id": None}, "last_event_id"),
        ({"last_event_id": "\ud800"}, "last_event_id"),
        ({"session": "session"}, "session"),
        ({"max_tries": -1}, "max_tries"),
        ({"max_tries": True}, "max_tries"),
        ({"connect_timeout": 0}, "connect_timeout"),
        ({"alive_timeout": "45"}, "alive_timeout"),
        ({"progress_timeout": -1}, "progress_timeout"),
        ({"max_event_bytes": 0}, "max_event_bytes"),
        ({"headers": 5}, "headers"),
        ({"streams": b"/"}, "streams"),
        ({"streams": "streams"}, "streams"),
        ({"backoff": 1}, "backoff"),
        ({"on_bytes": "print"}, "on_bytes"),
        ({"on_reconnect": "print"}, "on_reconnect"),
    ],
)
def test_an_argument_that_can_t_work_is_named_at_once(options, named):
    with pytest.raises(ValueError, match=named):
        EventSource(**{"url": URL, **options})


def test_an_address_that_can_t_be_asked_is_an_error_of_the_caller_s():
    with pytest.raises(ValueError, match="no-scheme"):
        list(EventSource("no-scheme"))


# What is read.


def test_events_as_the_standard_reads_them():
    body = b"event: tick\ndata: 1\ndata: 2\nid: a\n\n: comment\n\ndata: 3\n\nid: b\n\n"
    source = canned(body)
    assert list(source) == [MessageEvent("tick", "1\n2", "a"), MessageEvent("message", "3", "a")]
    assert source.last_event_id == "b"
    assert source.ending is None


def test_an_event_comes_when_the_server_sends_it():
    gate = Semaphore(0)
    with Upstream(tokens("one", "two", gate=gate)) as upstream:
        with EventSource(upstream.url, json={}) as source:
            text = source.text()
            for word in ("one", "two"):
                gate.release()
                assert next(text) == word


STREAM = (
    b": hello\n\nevent: a\ndata: {\"x\":1}\nid: 1\n\ndata: \xf0\x9f\x8e\x88\r\n\r\n"
    b"data: one\rdata: two\r\rretry: 7\nid: 2\n\ndata: [DONE]\n\n"
)


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=20))
def test_any_pieces_give_equal_events(cuts):
    places = sorted({0, *cuts, len(STREAM)})
    pieces = [STREAM[start:end] for start, end in zip(places, places[1:])]
    source = canned(pieces)
    assert list(source) == [
        MessageEvent("a", '{"x":1}', "1"),
        MessageEvent("message", "\N{BALLOON}", "1"),
        MessageEvent("message", "one\ntwo", "1"),
        MessageEvent("message", "[DONE]", "2"),
    ]
    assert (source.last_event_id, source.retry) == ("2", 7)


@pytest.mark.parametrize("label, compress", [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_body_that_is_compressed_all_the_same(label, compress):
    headers = {"content_type": "text/event-stream", "content_encoding": label}
    with Upstream(answer(200, compress(b"data: one\n\n"), **headers)) as up:
        with EventSource(up.url, json={}) as source:
            assert [event.data for event in source] == ["one"]


def test_each_piece_is_shown():
    pieces = []
    list(canned([b"data: 1\n\n", b": \n"], on_bytes=pieces.append))
    assert pieces == [b"data: 1\n\n", b": \n"]


def test_what_a_function_of_the_caller_s_raises_comes_out_of_the_loop():
    def fail(piece):
        raise LookupError("of the caller's")

    with Upstream(tokens("one")) as upstream:
        with EventSource(upstream.url, on_bytes=fail) as source, pytest.raises(LookupError):
            list(source)


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt])
def test_what_was_broken_off_does_not_look_whole_afterwards(error):
    def fail(piece):
        raise error

    source = canned(b"data: 1\n\n", on_bytes=fail)
    with pytest.raises(error):
        list(source)
    for read in (source, source.text()):
        with pytest.raises(StreamTruncated, match="broken off"):
            list(read)


def test_a_loop_that_was_left_goes_on():
    source = canned(b"data: 1\n\ndata: 2\n\ndata: 3\n\n")
    for event in source:
        break
    assert [event.data, *(event.data for event in source)] == ["1", "2", "3"]


def test_an_event_that_is_too_large():
    source = canned(b"data: 1\n\ndata: " + b"x" * 100 + b"\n\n", max_event_bytes=50)
    assert next(source).data == "1"
    with pytest.raises(EventTooLarge):
        next(source)


@pytest.mark.parametrize("body", [b"data: x", b"data: x\n", b'{"choices": [', b'{\n"ended"'])
def test_a_body_that_ends_within_an_event_is_cut(body):
    with pytest.raises(StreamTruncated):
        list(canned(body))


def test_no_event_at_all_is_no_text():
    assert list(canned(b"")) == []
    with pytest.raises(StreamTruncated) as caught:
        list(canned(b"").text())
    assert caught.value.code == "no_answer"


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"type":"text-delta","delta":"one"}\n\ndata: [DONE]\n\n',
        b'data: {"type":"RUN_FINISHED"}\n\n',
    ],
)
def test_a_form_that_is_not_known_has_events_and_no_text(body):
    source = canned(body)
    assert len(list(source)) == body.count(b"data: ") and source.ending is None
    with pytest.raises(StreamTruncated, match="form that text.. reads") as caught:
        list(canned(body).text())
    assert caught.value.code == "no_answer"


def test_an_answer_without_words_is_one():
    source = canned(b'data: {"ended":true,"message":""}\n\n')
    assert list(source.text()) == [] and source.ending.reason == "complete"


def test_a_body_shorter_than_it_was_announced_is_cut():
    def script(exchange):
        exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        exchange.send("Content-Length: 99\r\n\r\ndata: one\n\n")
        exchange.end()

    with Upstream(script) as upstream, EventSource(upstream.url, json={}) as source:
        assert next(source).data == "one"
        with pytest.raises(StreamTruncated, match="88"):
            next(source)


def test_a_body_of_a_known_length_ends_there():
    def script(exchange):
        exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        exchange.send("Content-Length: 11\r\n\r\ndata: one\n\n")
        exchange.wait_for_hang_up()

    with Upstream(script) as upstream, EventSource(upstream.url, json={}) as source:
        assert [event.data for event in source] == ["one"]


@pytest.mark.parametrize("length", ["11, 11", "9" * 5000, "\u00b2", "soon"])
def test_an_odd_length_of_a_body(length):
    def script(exchange):
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {length}"
        exchange.send(f"{head}\r\n\r\ndata: one\n\n".encode("latin-1"))
        exchange.end()

    with Upstream(script) as upstream, EventSource(upstream.url, json={}) as source:
        assert [event.data for event in source] == ["one"]


def test_the_rest_behind_an_end_is_waited_for_a_moment_only():
    """An early leave would be a departure to the server."""

    def script(exchange):
        exchange.send(HEAD)
        exchange.send_event("[DONE]")
        exchange.wait_for_hang_up()

    clock = count(step=0.95).__next__
    with Upstream(script) as upstream, EventSource(upstream.url, json={}, clock=clock) as source:
        assert [event.data for event in source] == ["[DONE]"]


def test_the_connection_ends_after_the_last_chunk():
    departures = []

    def script(exchange):
        exchange.send(HEAD)
        exchange.send_event("[DONE]")
        departures.append(exchange.hangs_up_within(0.05))
        exchange.send(LAST_CHUNK)

    with Upstream(script) as upstream, EventSource(upstream.url, json={}) as source:
        list(source)
        assert upstream.hung_up.wait(HANG_GUARD)
    assert departures == [False]


# Feeds of others, which have no end.


def test_a_feed_is_read_on_until_204():
    bodies = [b"data: 1\nid: a\n\n", b"data: 2\n\n", b"data: 3\nid:\n\n", b"data: 4\n\n"]

    def script(exchange):
        seen.append(exchange.headers["Last-Event-ID"])
        body = bodies.pop(0) if bodies else b""
        answer(200 if body else 204, body, content_type="text/event-stream")(exchange)

    seen = []
    with Upstream(script) as upstream, EventSource(upstream.url, backoff=AT_ONCE) as source:
        assert [(event.data, event.id) for event in source] == [
            ("1", "a"),
            ("2", "a"),
            ("3", ""),
            ("4", ""),
        ]
    assert seen == [None, "a", "a", None, None]
    assert source.ending is None


def test_an_empty_id_takes_the_id_away():
    source = canned(b"data: 1\nid: a\n\ndata: 2\nid:\n\n")
    assert [event.id for event in source] == ["a", ""]
    assert source.last_event_id == ""


def test_an_error_that_a_feed_tells_ends_the_reading():
    source = canned(b'event: error\ndata: {"message": "No more."}\n\n', json=None)
    assert next(source).event == "error"
    with pytest.raises(ServerFailure, match="No more."):
        next(source)


def test_an_error_within_an_answer_of_another_form():
    body = b'data: {"ended":false,"message":"one"}\n\nevent: error\ndata: Broken.\n\n'
    with pytest.raises(ServerFailure, match="Broken."):
        list(canned(body))


@pytest.mark.parametrize("body", [b'{"data": [\n{"id": "a"}]}', b'{"id": "a"}\n{"id": "b"}\n'])
def test_json_that_is_no_answer_is_asked_for_once(body):
    adapter = Canned(body, body, content_type="application/json")
    source = EventSource(URL, session=session_of(adapter), backoff=AT_ONCE, max_tries=1)
    assert len(list(source)) == body.count(b"id")
    assert len(adapter.requests) == 1


# Failures before a stream has opened.


def test_nobody_listens():
    with nobody_listens() as url, pytest.raises(ConnectionFailed, match="refused") as caught:
        list(EventSource(url))
    assert (caught.value.code, caught.value.status) == ("network", None)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("nobody", [nobody_accepts, nobody_shakes_hands])
def test_a_connection_that_takes_too_long(nobody):
    with nobody() as url, pytest.raises(ConnectionFailed):
        list(EventSource(url, connect_timeout=0.05))


def test_a_connection_that_breaks_before_the_answer():
    with Upstream(lambda exchange: exchange.end()) as upstream:
        with pytest.raises(ConnectionFailed), EventSource(upstream.url) as source:
            list(source)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_a_refusal(status):
    body = {"error": {"message": "Too many.", "code": "limit", "param": "n", "id": "f00"}}
    refused = answer(status, json.dumps(body), retry_after="2", x_request_id="other")
    with Upstream(refused) as upstream, pytest.raises(ServerFailure) as caught:
        with EventSource(upstream.url) as source:
            list(source)
    error = caught.value
    assert (str(error), error.code, error.status) == ("Too many.", "limit", status)
    assert (error.field, error.id, error.retry_after) == ("n", "f00", 2)
    assert source.response.status_code == status
    assert len(upstream.requests) == 1


def test_a_refusal_without_words():
    with pytest.raises(ServerFailure, match="The server answered 502.") as caught:
        list(canned(b"<html>nginx</html>", status=502))
    assert caught.value.code == "http_error"


def test_a_refusal_that_never_ends():
    with Upstream(answer(500, "no", content_length="99")) as upstream:
        with pytest.raises(ServerFailure), EventSource(upstream.url, alive_timeout=0.05) as source:
            list(source)


def test_the_words_of_a_refusal_that_come_slowly_are_waited_for_a_moment_only():
    """The clock says how long: each look at it is a second later."""
    clock = count().__next__
    with pytest.raises(ServerFailure) as caught:
        list(canned([b"x"] * 60, status=500, clock=clock))
    assert 1 <= len(str(caught.value)) <= 5


def test_a_coding_that_can_t_be_read():
    headers = {"content_type": "text/event-stream", "content_encoding": "br"}
    stream = answer(200, b"\x1b\x08\x00\x80...", **headers)
    with Upstream(stream) as upstream, pytest.raises(NotAnEventStream, match="'br'"):
        list(EventSource(upstream.url))
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("body", [b"<html>", b"hello there", b"[1, 2]", b"", b"  "])
def test_a_body_that_is_no_event_stream(body):
    with pytest.raises(NotAnEventStream, match="text/html") as caught:
        list(canned(body, content_type="text/html"))
    assert caught.value.status == 200


@pytest.mark.parametrize("body", [b"data: 1\n\n", b"\xef\xbb\xbfdata: 1\n\n", b": \n\ndata: 1\n\n"])
def test_an_event_stream_may_be_labelled_as_anything(body):
    for pieces in (body, [body[index : index + 1] for index in range(len(body))]):
        assert [event.data for event in canned(pieces, content_type="text/html")] == ["1"]


def test_blank_lines_without_end_are_no_event_stream():
    with pytest.raises(NotAnEventStream):
        list(canned([b"\n" * 9999] * 9 + [b"data: 1\n\n"], content_type="application/json"))


# The two deadlines.


@pytest.mark.parametrize("seconds", [3e6, 1e10, 10**400, float("inf")])
def test_a_bound_that_no_system_has_is_none(seconds):
    names = ("connect_timeout", "alive_timeout", "progress_timeout")
    with Upstream(tokens("one")) as upstream:
        with EventSource(upstream.url, **dict.fromkeys(names, seconds)) as source:
            assert "".join(source.text()) == "one"


def test_no_byte_before_the_headers():
    with Upstream(silence) as upstream, pytest.raises(StreamStalled) as caught:
        with EventSource(upstream.url, alive_timeout=0.05) as source:
            list(source)
    assert caught.value.deadline == "alive"


def test_no_byte_in_the_body():
    with Upstream(silence_after("one")) as upstream:
        with EventSource(upstream.url, json={}, alive_timeout=0.05) as source:
            next(source)
            with pytest.raises(StreamStalled, match="0.05 s") as caught:
                next(source)
    assert caught.value.deadline == "alive"


def test_heartbeats_without_an_event():
    """The clock says how long: each look at it is a second later."""
    times = iter(range(1000))

    def script(exchange):
        exchange.send(HEAD)
        while True:  # until the reader leaves
            exchange.send_chunk(": \n")

    with Upstream(script) as upstream, pytest.raises(StreamStalled) as caught:
        clock = times.__next__
        with EventSource(upstream.url, progress_timeout=20, clock=clock) as source:
            list(source)
    assert caught.value.deadline == "progress"
    assert len(upstream.requests) == 1  # another connection would bring no event either


def test_a_model_that_is_silent_is_noticed_between_two_heartbeats():
    with Upstream(silence_after("one")) as upstream:
        with EventSource(upstream.url, json={}, progress_timeout=0.05) as source:
            next(source)
            with pytest.raises(StreamStalled) as caught:
                next(source)
    assert caught.value.deadline == "progress"


def test_also_where_the_connection_takes_no_further_request():
    """http.client has given its socket up by then."""

    def script(exchange):
        exchange.send(CLOSING_HEAD)
        exchange.wait_for_hang_up()

    with Upstream(script) as upstream, pytest.raises(StreamStalled) as caught:
        with EventSource(upstream.url, alive_timeout=None, progress_timeout=0.05) as source:
            list(source)
    assert caught.value.deadline == "progress"


def test_the_time_of_the_caller_does_not_count():
    now = [0.0]
    source = canned(
        [b"data: 1\n\n", b"data: 2\n\n"], progress_timeout=5, clock=lambda: now[0]
    )
    for event in source:
        now[0] += 100
    assert event.data == "2"


def test_a_pause_counts():
    with Upstream(answer(200, "data: 1\nretry: 60000\n\n", content_type="text/event-stream")) as up:
        with EventSource(up.url, progress_timeout=0.05) as source:
            next(source)
            with pytest.raises(StreamStalled) as caught:
                next(source)
    assert caught.value.deadline == "progress"


def test_each_error_is_one_of_the_tree():
    kinds = [ConnectionFailed, NotAnEventStream, ServerFailure, StreamStalled, StreamTruncated]
    assert all(issubclass(kind, EventSourceError) for kind in kinds)
