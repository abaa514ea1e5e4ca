"""``EventSource`` reads what our own server writes, in each format, and knows whole from cut."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
import requests

from flask_llmstream import EventSourceError
from flask_llmstream.client.event_source import EventSource
from tests.client.canned import Canned, session_of
from tests.client.kept_server import AT_ONCE
from tests.client.site import WORDS, cutting, serving
from tests.support.upstream import Upstream

TEXT = "".join(WORDS)
CHAT = {"messages": [{"role": "user", "content": "Hi"}]}
WAYS: Dict[str, Dict[str, Any]] = {
    "message": {"json": {"prompt": "Hi"}},
    "chunks": {"json": {**CHAT, "stream": True}},
    "completion": {"json": CHAT},
    "ndjson": {"json": {"prompt": "Hi"}, "params": {"format": "ndjson"}},
    "text": {"json": {"prompt": "Hi"}, "params": {"format": "text"}},
}


@pytest.fixture(scope="module")
def plain():
    with serving() as url:
        yield url + "completions"


@pytest.fixture(scope="module")
def keeping():
    with serving(LLMSTREAM_RECONNECT="resume") as url:
        yield url + "completions"


@pytest.fixture(params=["plain", "keeping"])
def server(request, plain, keeping):
    return {"plain": plain, "keeping": keeping}[request.param]


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def test_the_text_and_the_end(server, way):
    with EventSource(server, **way) as source:
        assert "".join(source.text()) == TEXT
    assert source.ending.reason == "complete"


def test_a_get(keeping):
    url = keeping.replace("completions", "stream")
    with EventSource(url, params={"prompt": "Hi"}) as source:
        assert "".join(source.text()) == TEXT
        assert source.stream_id in source.last_event_id


def test_what_it_cost(plain):
    with EventSource(plain, json={"prompt": "Hi"}) as source:
        list(source)
    assert source.ending.usage["completion_tokens"] == len(WORDS)


def test_a_kept_answer_is_read_again(keeping):
    with EventSource(keeping, json={"prompt": "Hi"}) as source:
        list(source)
    with EventSource(source.stream_url) as again:
        assert "".join(again.text()) == TEXT


@pytest.mark.parametrize("name", ["message", "chunks", "text"])
def test_a_kept_answer_that_is_cut_again_and_again(keeping, name):
    port = int(keeping.split(":")[2].split("/")[0])
    with EventSource(keeping, **WAYS[name]) as source:
        events = [event[:2] for event in source]
    for length in range(500, 1300, 50):  # behind the headers
        with Upstream(cutting(port, length, 600, 700)) as upstream:
            url = upstream.url + "/chat/completions"
            with EventSource(url, backoff=AT_ONCE, **WAYS[name]) as source:
                if name == "chunks":  # each answer has an ID of its own
                    assert "".join(source.text()) == TEXT, length
                else:
                    assert [event[:2] for event in source] == events, length
            assert source.ending.reason == "complete"


@pytest.mark.parametrize("name", ["message", "ndjson", "text"])
def test_a_failure_in_the_answer(server, name):
    way = {**WAYS[name], "json": {"prompt": "fail"}}
    texts: List[str] = []
    with EventSource(server, **way) as source:
        with pytest.raises(EventSourceError, match="The model is out of order.") as caught:
            texts.extend(source.text())
    assert caught.value.code == "broken" and caught.value.id
    assert source.ending is None


def test_a_request_that_is_refused(plain):
    with EventSource(plain, json={"messages": 3}) as source:
        with pytest.raises(EventSourceError, match="messages") as caught:
            list(source)
    error = caught.value
    assert (error.status, error.code, error.field) == (400, "invalid_request", "messages")
    assert error.id == source.response.headers["X-Request-ID"]


def test_no_beginning_of_an_answer_looks_whole(plain, way):
    """Each comes as a whole body: no error of the connection tells that it is cut."""
    with requests.post(plain, stream=True, **way) as response:
        body, kind = response.raw.read(), response.headers["Content-Type"]
    whole = cut = 0
    for end in range(len(body)):
        session = session_of(Canned(body[:end], content_type=kind))
        with EventSource("http://site.test/", json={}, session=session) as source:
            try:
                text = "".join(source.text())
            except EventSourceError:
                assert source.ending is None
                cut += 1
            else:
                assert (text, source.ending.reason) == (TEXT, "complete"), body[:end]
                whole += 1
    assert cut > whole
