"""Feeds of others, which are no answers: no event ends them, and none is an error."""

from __future__ import annotations

import pytest

from flask_llmstream import StreamTruncated
from flask_llmstream.client.event_source import EventSource
from tests.client.canned import Canned, session_of
from tests.client.kept_server import AT_ONCE
from tests.support.upstream import Upstream, answer

LIKE_AN_END = [
    'data: {"level": "error", "error": "The database is down."}\n\n',
    'data: {"type": "error"}\n\n',
    "event: error\ndata: The database is down.\n\n",
    'data: {"auction": 5, "ended": true}\n\n',
    'data: {"choices": [{"text": "Yes"}, {"text": "No"}]}\n\n',
    "event: ended\ndata:\n\n",
    "data: [DONE]\n\n",
]


def reading(body, **options):
    adapter = Canned(body.encode(), content_type="text/event-stream")
    return EventSource("http://site.test/", session=session_of(adapter), feed=True, **options)


@pytest.mark.parametrize("frame", LIKE_AN_END)
def test_an_event_that_looks_like_an_end_is_none(frame):
    source = reading(frame + "data: 2\n\n", json={})
    assert [event.data for event in source][1:] == ["2"]
    assert source.ending is None


@pytest.mark.parametrize("frame", LIKE_AN_END)
def test_after_one_the_reader_comes_back_until_204(frame):
    def script(exchange):
        is_first = exchange.headers["Last-Event-ID"] is None
        stream = answer(200, "id: a\n" + frame, content_type="text/event-stream")
        (stream if is_first else answer(204))(exchange)

    with Upstream(script) as upstream:
        with EventSource(upstream.url, feed=True, backoff=AT_ONCE) as source:
            assert [event.id for event in source] == ["a"]
    assert [request.headers["Last-Event-ID"] for request in upstream.requests] == [None, "a"]


def test_it_has_no_text():
    with pytest.raises(StreamTruncated) as caught:
        list(reading('data: {"ended": true, "message": "one"}\n\n', json={}).text())
    assert caught.value.code == "no_answer"
