"""Servers that read PEP 3333 in their own way: Granian, and bridges from ASGI."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

from tests.conftest import needs
from tests.support.servers import BRIDGED, BY_ASGIREF, GRANIAN, running

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="today's Granian and ASGI servers need Python 3.10"
)


def each(*servers):
    return pytest.fixture(scope="module", params=servers, ids=lambda server: server.name)


def bridges_are_there():
    for bridge in ("a2wsgi", "asgiref", "starlette"):
        needs(bridge, find_spec(bridge))


@each(*BRIDGED, BY_ASGIREF)
def bridged(request):
    bridges_are_there()
    with running(request.param) as live:
        yield live


@each(GRANIAN, *BRIDGED)
def live(request):
    bridges_are_there()
    with running(request.param) as live:
        yield live


@each(GRANIAN)
def granian(request):
    with running(request.param) as live:
        yield live


def generator_was_closed(live):
    """The generator ends at its next yield after the departure was noticed."""
    for _ in range(100):
        live.release("unheard")
        if live.closed(seconds=0.2):
            return live.frees_all_slots()
    return False


def test_an_answer_says_that_it_is_an_event_stream(live):
    with live.request("GET", "/context") as reader:
        content_type = reader.response.getheader("Content-Type")
        assert b'"message":"/context nobody"' in b"".join(reader.blocks())
    assert content_type == "text/event-stream; charset=utf-8"


def test_each_token_arrives_before_the_next_is_made(live):
    with live.request("GET", "/gated") as reader:
        reader.block()
        for token in ("one", "two", "three"):
            live.release(token)
            assert f'"message":"{token}"'.encode() in reader.block()
        live.release("end")
        assert b'"ended":true,"message":"","reason":"complete"' in reader.block()


def test_a_reader_who_leaves_in_silence_ends_the_generator(bridged):
    """There is no write that could fail. Only the connection shows the departure."""
    bridged.release("heard")
    with bridged.request("GET", "/gated") as reader:
        reader.block()
        assert b"heard" in reader.block()
    assert generator_was_closed(bridged)


def test_heartbeats_find_a_reader_who_left_granian(granian):
    with granian.request("GET", "/beating") as reader:
        reader.block()
        assert granian.entered()
    assert generator_was_closed(granian)


def test_what_fails_before_its_first_item_has_its_status_on_granian(granian):
    with granian.request("GET", "/ends/refused/ndjson") as reader:
        assert reader.response.status == 503
        assert reader.response.getheader("Retry-After") == "77"


def test_a_wrapped_stream_says_what_it_is_on_granian():
    server = GRANIAN._replace(modules=("wrapped", ""))
    with running(server) as live, live.request("GET", "/wrapped/broken") as reader:
        assert reader.response.getheader("Content-Type") == "text/event-stream; charset=utf-8"
        assert b"data: one" in reader.blocks()
