"""``EventSource`` comes back to an answer that its server keeps: no event twice, none lost."""

from __future__ import annotations

from itertools import count
from threading import Semaphore

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_llmstream import ServerFailure, StreamStalled, StreamTruncated
from flask_llmstream.client.event_source import EventSource
from tests.client.kept_server import AT_ONCE, OPENING, STREAM_ID, KeptAnswer, frame, frames_of
from tests.support.upstream import HEAD, Upstream, answer, chat_delta

FRAMES = frames_of(["one ", "two ", "three"])
BODY = "".join(FRAMES)


def scripts(*each):
    """One script for each request."""
    left = iter(each)
    return lambda exchange: next(left)(exchange)


def kept(exchange):
    exchange.send(HEAD.replace("\r\n\r\n", f"\r\nX-Stream-ID: {STREAM_ID}\r\n\r\n"))


def asking(upstream, **options):
    options.setdefault("json", {})
    url = upstream.url + "/chat/completions"
    return EventSource(url, backoff=AT_ONCE, **options)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_cut_at_any_byte_costs_nothing(method):
    for cut in range(0, len(BODY), 1 if method == "POST" else 7):
        with Upstream(KeptAnswer(FRAMES, [cut])) as upstream:
            with asking(upstream, json={} if method == "POST" else None) as source:
                numbers = [event.id.split(":")[1] for event in source]
        assert numbers == ["0", "1", "2", "3", "ended"], cut
        assert source.ending.reason == "complete", cut


@settings(max_examples=50)
@given(
    texts=st.lists(st.text("abc \u2028é", max_size=5), max_size=6),
    cuts=st.lists(st.integers(min_value=0, max_value=300), max_size=8),
)
def test_any_cuts_give_each_event_once(texts, cuts):
    with Upstream(KeptAnswer(frames_of(texts), cuts)) as upstream:
        with asking(upstream, max_tries=None) as source:
            assert list(source.text()) == [text for text in texts if text]


def test_a_post_is_followed_by_gets_of_the_kept_stream():
    with Upstream(KeptAnswer(FRAMES, [len(OPENING + FRAMES[1])])) as upstream:
        with asking(upstream, json={"prompt": "x"}, headers={"X-User": "ada"}) as source:
            list(source)
            assert source.stream_id == STREAM_ID
            assert source.stream_url == f"{upstream.url}/chat/streams/{STREAM_ID}"
    first, second = upstream.requests
    assert (first.method, first.json) == ("POST", {"prompt": "x"})
    assert (second.method, second.path) == ("GET", f"/v1/chat/streams/{STREAM_ID}")
    assert second.headers["Last-Event-ID"] == f"{STREAM_ID}:1"
    assert second.headers["X-User"] == "ada"
    assert second.headers["Content-Type"] is None and second.body == b""


def test_a_get_comes_back_to_its_own_address():
    with Upstream(KeptAnswer(FRAMES, [len(OPENING)])) as upstream:
        with asking(upstream, json=None, params={"prompt": "x"}) as source:
            list(source)
    assert [one.path for one in upstream.requests] == ["/v1/chat/completions?prompt=x"] * 2
    assert upstream.requests[1].headers["Last-Event-ID"] == f"{STREAM_ID}:0"


def test_streams_may_be_kept_elsewhere():
    with Upstream(KeptAnswer(FRAMES, [5])) as upstream:
        with asking(upstream, streams="/kept/") as source:
            list(source)
    assert upstream.requests[1].path == f"/kept/{STREAM_ID}"


@pytest.mark.parametrize(
    "location, path",
    [
        (f"streams/{STREAM_ID}", f"/v1/chat/streams/{STREAM_ID}"),
        (f"../../kept/{STREAM_ID}", f"/kept/{STREAM_ID}"),
        (f"../../../../{STREAM_ID}", f"/{STREAM_ID}"),
        ("/answers/7?a=b", "/answers/7?a=b"),
        ("?answer=7#here", "/v1/chat/completions?answer=7"),
        ("//{host}/a", "/a"),
        ("http://LOCALHOST.example/a", None),
        ("https://{host}/a", None),
        ("http://127.0.0.1:1/a", None),
        ("http://127.0.0.1.example/a", None),
        ("http://[::1/a", None),
        ("http://127.0.0.1:port/a", None),
        ("", None),
    ],
)
def test_the_response_says_where_the_stream_is(location, path):
    with Upstream(KeptAnswer(FRAMES, [5], location=location)) as upstream:
        with asking(upstream) as source:
            assert "".join(source.text()) == "one two three"
    (_, second) = upstream.requests
    assert second.path == (path or f"/v1/chat/streams/{STREAM_ID}")


def test_what_the_caller_says_comes_first():
    with Upstream(KeptAnswer(FRAMES, [5], location="/other")) as upstream:
        with asking(upstream, streams="/kept/") as source:
            list(source)
    assert upstream.requests[1].path == f"/kept/{STREAM_ID}"


def test_without_an_id_no_stream_is_kept_wherever_the_response_is():
    with Upstream(KeptAnswer(FRAMES, is_kept=False, location="/other")) as upstream:
        with asking(upstream) as source:
            list(source)
            assert source.stream_url is None


def test_it_is_relative_to_the_address_behind_the_redirects():
    moved = KeptAnswer(FRAMES, [5], location=f"kept/{STREAM_ID}")
    redirected = answer(307, location="/v2/ask")
    with Upstream(scripts(redirected, moved, moved)) as upstream, asking(upstream) as source:
        assert "".join(source.text()) == "one two three"
    assert upstream.requests[-1].path == f"/v2/kept/{STREAM_ID}"


def test_the_login_in_an_address_is_kept():
    with Upstream(KeptAnswer(FRAMES, [5], location="/answers/7")) as upstream:
        url = upstream.url.replace("//", "//ada:pw@")
        with EventSource(url, json={}, backoff=AT_ONCE) as source:
            list(source)
    first, second = (each.headers["Authorization"] for each in upstream.requests)
    assert first == second and first is not None


def test_a_kept_stream_is_read_by_its_own_address():
    with Upstream(KeptAnswer(FRAMES, [0])) as upstream:
        url = f"{upstream.url}/chat/streams/{STREAM_ID}"
        with EventSource(url, backoff=AT_ONCE) as source:
            assert "".join(source.text()) == "one two three"
            assert source.stream_url == url
    assert {one.path for one in upstream.requests} == {f"/v1/chat/streams/{STREAM_ID}"}


def test_another_reader_goes_on_behind_an_event():
    with Upstream(KeptAnswer(FRAMES)) as upstream:
        with asking(upstream) as source:
            text = source.text()
            assert next(text) == "one "
        url = f"{upstream.url}/chat/streams/{STREAM_ID}"
        with EventSource(url, last_event_id=source.last_event_id) as source:
            assert "".join(source.text()) == "two three"


def test_204_is_the_end():
    with Upstream(KeptAnswer(FRAMES)) as upstream:
        with asking(upstream, json=None, last_event_id=f"{STREAM_ID}:ended") as source:
            assert list(source) == []
            assert source.response.status_code == 204


def test_204_after_a_cut_means_that_all_was_read():
    frames = FRAMES[:-1]  # the cut is behind the last of them
    with Upstream(KeptAnswer(frames, [len("".join(frames))])) as upstream:
        with asking(upstream) as source:
            assert "".join(source.text()) == "one two three"
            assert source.ending.reason == "complete"


@pytest.mark.parametrize("status", [404, 410])
def test_a_stream_that_is_kept_no_more_is_truncated(status):
    gone = answer(status, '{"error": {"message": "It has expired.", "code": "expired"}}')
    cut = KeptAnswer(FRAMES, [len(OPENING)])
    with Upstream(scripts(cut, gone)) as upstream, asking(upstream) as source:
        with pytest.raises(StreamTruncated, match="It has expired") as caught:
            list(source)
    assert (caught.value.code, caught.value.status) == ("not_resumed", status)
    cause = caught.value.__cause__
    assert isinstance(cause, ServerFailure) and cause.code == "expired"
    assert source.ending is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_followed_by_another_try(status):
    kept_answer = KeptAnswer(FRAMES, [len(OPENING)])
    with Upstream(scripts(kept_answer, answer(status), kept_answer)) as upstream:
        with asking(upstream) as source:
            assert "".join(source.text()) == "one two three"


def test_the_time_for_the_words_of_a_refusal_is_no_deadline_of_the_stream():
    clock = count(step=10).__next__
    kept_answer = KeptAnswer(FRAMES, [len(OPENING)])
    with Upstream(scripts(kept_answer, answer(503, "busy"), kept_answer)) as upstream:
        with asking(upstream, clock=clock) as source:
            assert "".join(source.text()) == "one two three"


def test_an_error_behind_which_the_answer_went_on_is_not_the_reason_of_a_cut():
    told = f"event: error\ndata: Row 5 is bad.\nid: {STREAM_ID}:1b\n\n"
    frames = [*FRAMES[:2], told, *FRAMES[2:]]
    with Upstream(KeptAnswer(frames, [len("".join(frames[:4]))])) as upstream:
        with asking(upstream) as source:
            assert "".join(source.text()) == "one two three"


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_another_refusal_is_final(status):
    refused = scripts(KeptAnswer(FRAMES, [len(OPENING)]), answer(status))
    with Upstream(refused) as upstream, asking(upstream) as source:
        with pytest.raises(StreamTruncated) as caught:
            list(source)
    assert caught.value.status == status


def test_the_server_says_how_long_to_wait():
    pauses = []
    kept_answer = KeptAnswer(["retry: 250\n" + OPENING, *FRAMES[1:]], [len(OPENING) + 11])
    busy = answer(429, retry_after="0")
    with Upstream(scripts(kept_answer, busy, kept_answer)) as upstream:
        with asking(upstream, on_reconnect=lambda *pause: pauses.append(pause)) as source:
            assert "".join(source.text()) == "one two three"
            assert source.retry == 250
    (cut, first), (refusal, second) = pauses
    assert isinstance(cut, StreamTruncated) and first == 0.25
    assert (refusal.status, refusal.retry_after, second) == (429, 0, 0)


SENT_OFF = answer(200, "retry: 1\n", content_type="text/event-stream", retry_after="1")


def test_a_server_that_can_t_go_on_at_the_moment_ends_no_tries():
    """It answers 200, as a browser's EventSource stays away behind any other status."""
    told = []
    note = lambda *pause: told.append(pause)  # noqa: E731
    cut = KeptAnswer(FRAMES, [len(OPENING + FRAMES[1])])
    with Upstream(scripts(cut, *[SENT_OFF] * 5, KeptAnswer(FRAMES))) as upstream:
        with asking(upstream, max_tries=1, on_reconnect=note) as source:
            assert "".join(source.text()) == "one two three"
    assert [error.code for error, _ in told] == ["truncated", *["sent_off"] * 5]
    assert str(told[1][0]) == "The server can't go on at the moment, and asks to come back later."
    assert {seconds for _, seconds in told[1:]} == {0.001}
    assert {sent.headers["Last-Event-ID"] for sent in upstream.requests[1:]} == {f"{STREAM_ID}:1"}


def test_a_stream_that_begins_with_its_reconnection_time_is_a_try():
    """Many servers begin each of their streams so, also those that end before an event."""
    empty = answer(200, "retry: 1\n\n", content_type="text/event-stream")
    with Upstream(scripts(*[empty] * 9)) as upstream:
        with asking(upstream, json=None, max_tries=3) as source:
            with pytest.raises(StreamTruncated) as caught:
                list(source)
    assert (caught.value.code, len(upstream.requests)) == ("truncated", 4)


def test_the_stream_of_one_who_was_sent_off_is_not_the_answer():
    """A server without a free slot names a stream that never ran."""
    kind = {"content_type": "text/event-stream", "x_stream_id": "n" * 32}
    sent_off = answer(200, "retry: 1\n", retry_after="1", **kind)
    with Upstream(scripts(sent_off, KeptAnswer(FRAMES))) as upstream:
        with asking(upstream, json=None, last_event_id=f"{STREAM_ID}:0") as source:
            assert "".join(source.text()) == "one two three"
            assert source.stream_id == STREAM_ID


def test_without_tries_a_reader_is_told_that_it_was_sent_off():
    with Upstream(SENT_OFF) as upstream:
        last = f"{STREAM_ID}:1"
        with asking(upstream, json=None, max_tries=0, last_event_id=last) as source:
            with pytest.raises(StreamTruncated) as caught:
                list(source)
    assert caught.value.code == "sent_off"


def test_tries_without_progress_are_bounded():
    with Upstream(KeptAnswer(FRAMES, [0] * 99)) as upstream:
        with asking(upstream, max_tries=3) as source, pytest.raises(StreamTruncated):
            list(source)
    assert len(upstream.requests) == 4


def test_a_long_connection_is_none_without_progress():
    """A quiet stream may have no event for hours, and several connections meanwhile."""
    clock = count(step=50).__next__
    with Upstream(KeptAnswer(FRAMES, [0] * 20)) as upstream:
        with asking(upstream, max_tries=1, clock=clock) as source:
            assert "".join(source.text()) == "one two three"


def test_a_server_that_hangs_is_tried_no_more_often_than_another():
    def silent(exchange):
        kept(exchange)
        exchange.wait_for_hang_up()

    clock = count(step=50).__next__
    with Upstream(silent) as upstream, pytest.raises(StreamStalled):
        with asking(upstream, max_tries=2, alive_timeout=0.02, clock=clock) as source:
            list(source)
    assert len(upstream.requests) == 3


def test_each_event_is_progress():
    frames = frames_of(["x"] * 20)
    cuts = [len(frames[0]), *(len(one) for one in frames[1:-1])]
    with Upstream(KeptAnswer(frames, cuts)) as upstream:
        with asking(upstream, max_tries=1) as source:
            assert "".join(source.text()) == "x" * 20


def test_no_reconnecting_where_none_is_wanted():
    with Upstream(KeptAnswer(FRAMES, [len(OPENING)])) as upstream:
        with asking(upstream, max_tries=0) as source, pytest.raises(StreamTruncated):
            list(source)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("length", [0, len(OPENING), len(BODY) - 1])
def test_a_post_is_never_repeated(length):
    with Upstream(KeptAnswer(FRAMES, [length], is_kept=False)) as upstream:
        with asking(upstream) as source, pytest.raises(StreamTruncated):
            list(source)
    assert len(upstream.requests) == 1


def test_a_post_may_be_repeated_by_who_says_so():
    with Upstream(KeptAnswer(FRAMES, [len(OPENING)], is_kept=False)) as upstream:
        with asking(upstream, json={"prompt": "x"}, repeat_post=True) as source:
            assert "".join(source.text()) == "one two three"
    assert [one.json for one in upstream.requests] == [{"prompt": "x"}] * 2
    assert upstream.requests[1].headers["Last-Event-ID"] == f"{STREAM_ID}:0"


def test_an_answer_that_is_kept_needs_no_second_post():
    with Upstream(KeptAnswer(FRAMES, [len(OPENING)])) as upstream:
        with asking(upstream, repeat_post=True) as source:
            list(source)
    assert [one.method for one in upstream.requests] == ["POST", "GET"]


def test_a_post_whose_answer_never_began_may_be_repeated_so_too():
    breaks_off = scripts(lambda exchange: exchange.end(), answer(503), KeptAnswer(FRAMES))
    with Upstream(breaks_off) as upstream, asking(upstream, repeat_post=True) as source:
        assert "".join(source.text()) == "one two three"


def test_a_get_without_ids_runs_again():
    """So our server writes what is meant to: a clock, for example."""
    body = 'data: {"ended":false,"message":"tick"}\n\n'
    tick = answer(200, body, content_type="text/event-stream")
    with Upstream(scripts(tick, tick, answer(204))) as upstream:
        with asking(upstream, json=None) as source:
            assert list(source.text()) == ["tick", "tick"]


def test_a_get_in_openai_s_form_does_not():
    """Its text would come twice."""

    def script(exchange):
        exchange.send(HEAD)
        exchange.send_event(chat_delta("one"))
        exchange.end()

    with Upstream(script) as upstream, asking(upstream, json=None) as source:
        with pytest.raises(StreamTruncated):
            list(source)
    assert len(upstream.requests) == 1


def test_a_silent_connection_is_replaced():
    begun = Semaphore(0)

    def silent(exchange):
        kept(exchange)
        exchange.send_chunk(OPENING)
        begun.release()
        exchange.wait_for_hang_up()

    with Upstream(scripts(silent, KeptAnswer(FRAMES))) as upstream:
        with asking(upstream, alive_timeout=0.1) as source:
            assert "".join(source.text()) == "one two three"
    assert begun.acquire(blocking=False)


def test_bytes_behind_the_end_are_left_alone():
    frames = [*FRAMES, frame(9, text="more")]
    with Upstream(KeptAnswer(frames)) as upstream, asking(upstream) as source:
        assert "".join(source.text()) == "one two three"
