"""In every format and protocol a hard text arrives as it was said, however it is cut on its way."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_llmstream import EventStreamDecoder
from tests.live_apps import texts
from tests.streams.answers import WAYS
from tests.streams.cases import TEXTS, differences
from tests.streams.writing import completed
from tests.support.taking import taken_apart

EACH_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


def answered(way, name):
    asked = way.request(name)
    body = asked.pop("body")
    return texts.app.test_client().open(**asked, data=body).get_data()


@EACH_WAY
def test_each_text_by_itself(way):
    read = {name: way.text(answered(way, name)) for name in TEXTS}
    assert {name: text for name, text in read.items() if text != way.expected()[name]} == {}


@EACH_WAY
def test_all_texts_as_one(way):
    assert differences(way.text(answered(way, "all")), way.expected()) == {}


# Over real sockets.


class Server(ThreadingMixIn, WSGIServer):
    """The standard library's. It sends HTTP/1.0, whose body is the bytes of the stream."""


class SilentHandler(WSGIRequestHandler):
    def log_message(self, *_):
        """Nothing is logged."""


@contextmanager
def served(app):
    """The port of a server in this process."""
    with make_server("127.0.0.1", 0, app, Server, SilentHandler) as server:
        serving = threading.Thread(target=server.serve_forever, args=[0.01])
        serving.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            serving.join()


def test_each_byte_of_an_emoji_reaches_the_decoder_by_itself_and_makes_one_character():
    way = WAYS["text"]
    with served(texts.app) as port:
        _, pieces = taken_apart(port, way.request("emoji"))
    assert {len(piece) for piece in pieces} == {1}
    assert "\U0001f680".encode()[:1] in pieces
    decoder = EventStreamDecoder()
    data = [event.data for piece in pieces for event in decoder.feed(piece)]
    assert "".join(data) == TEXTS["emoji"].text


HARD = st.sampled_from(["\ud83d", "\ude80", "\U0001f680", "\r", "\n", " ", "data: ", "\u2028"])
ANY_TOKENS = st.lists(st.lists(HARD | st.characters(), max_size=6).map("".join), max_size=8)
"""Tokens of any characters, halves of characters among them."""


def test_any_text_in_any_tokens_arrives_in_any_segments():
    said = []
    with served(texts.app_saying(lambda name: list(said))) as port:

        @given(ANY_TOKENS, st.sampled_from(list(WAYS)), st.lists(st.integers(1, 40), min_size=1))
        @settings(max_examples=60)
        def arrives(tokens, name, sizes):
            said[:] = tokens
            _, pieces = taken_apart(port, WAYS[name].request("any"), sizes)
            assert WAYS[name].text(b"".join(pieces)) == expected(WAYS[name], tokens)

        arrives()


def expected(way, tokens):
    case = completed({"rule": "", "tokens": tokens})
    return case["streams"]["lf"]["text"] if way.is_bare else case["text"]
