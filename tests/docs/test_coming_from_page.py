"""The code of docs/coming-from.md runs: what is there afterwards, and what Flask had before."""

from __future__ import annotations

import pytest

from tests.docs.pages import got, run_page
from tests.support.eventually import eventually
from tests.support.redis_servers import redis_server


@pytest.fixture(scope="module")
def bus():
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def names(bus):
    return run_page("coming-from.md", {"redis://localhost:6379": bus.url})


def test_before_and_after_have_the_same_words(names):
    words = {"before": ['{"message": "Hello, "}', '{"message": "reader."}']}
    words["after"] = [word.replace(": ", ":", 1) for word in words["before"]]
    for path, data in words.items():
        answer = got(names["app"], f"/{path}")
        assert [line for line in data if f"data: {line}\n" in answer] == data


def test_a_stream_that_stays_as_it_is_has_heartbeats(names):
    assert got(names["app"], "/before").startswith(": \n")


def test_what_is_published_comes_to_the_page(names, bus):
    answer = names["app"].test_client().get("/stream", buffered=False)
    blocks = answer.iter_encoded()
    next(blocks)
    eventually(lambda: readers(bus) == 1)
    names["app"].test_client().post("/hello")
    assert b'event: greeting\ndata: {"message": "Hello!"}\n' in next(blocks)
    answer.close()
    names["app"].test_client().post("/hello")  # a thread ends at its next message
    eventually(lambda: readers(bus) == 0)
    names["bus"].connection_pool.disconnect()


def readers(bus):
    ((_, count),) = bus.client.pubsub_numsub("sse")
    return count


@pytest.mark.parametrize("path", ["/clock", "/progress", "/prices"])
def test_each_stream_ends(names, path):
    assert "ended" in got(names["app"], path)


def test_an_emitter_names_its_events(names):
    assert 'event: progress\ndata: {"percent":50}\n' in got(names["app"], "/progress")


def test_prices_are_bare_lines(names):
    assert "data: 103\n" in got(names["app"], "/prices")
