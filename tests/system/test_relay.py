"""On every server, under its own TLS, and behind nginx: the call to the model's server ends when
its reader leaves, and until then every token comes when it is made."""

from __future__ import annotations

import pytest

from tests.support.nginx import reached
from tests.support.relay import BUSY, MOMENTS, SILENT, WAYS_TO_LEAVE, Model, departure, reading
from tests.support.servers import GEVENT, SERVERS, SYNC, THREADS, running

EVERY_SERVER = [*SERVERS, SYNC]


thorough = pytest.mark.thorough
USUAL = (GEVENT, THREADS)
"""Always tested behind nginx and under TLS. The other servers are tested so by ``thorough``."""


def setups():
    for server in EVERY_SERVER:
        marks = () if server in USUAL else thorough
        yield pytest.param((server, "plain"), id=server.name)
        yield pytest.param((server, "nginx"), id=f"{server.name}, nginx", marks=marks)
        if server.tls:
            yield pytest.param((server, "TLS"), id=f"{server.name}, TLS", marks=marks)


each_way_to_leave = pytest.mark.parametrize("leave", WAYS_TO_LEAVE.values(), ids=WAYS_TO_LEAVE)


@pytest.fixture(scope="module")
def model():
    with Model() as model:
        yield model


@pytest.fixture(scope="module", params=setups())
def live(request, model):
    """A server, as its readers reach it."""
    server, way = request.param
    with reached(server, way, UPSTREAM=model.url) as live:
        yield live


@each_way_to_leave
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
def test_a_departure_ends_the_call_to_the_models_server(live, model, moment, leave):
    departure(live, model, moment, leave)


def test_heartbeats_arrive_while_the_model_says_nothing(live, model):
    with reading(live, "say nothing", heartbeat=0.05) as reader:
        reader.read_until(b"event: opened")
        for _ in range(4):
            reader.read_until(b": \n")


def test_each_token_arrives_before_the_next_is_made_and_the_end_comes_once(live, model):
    with reading(live, "count") as reader:
        for token in (b"one", b"two", b"three"):
            model.gate.release()
            reader.read_until(b'"ended":false,"message":"' + token)
        reader.read_until(b'"ended":true,"message":"","reason":"complete"')
    assert live.frees_all_slots()


@pytest.fixture(scope="module", params=EVERY_SERVER, ids=lambda server: server.name)
def unwatched(request, model):
    """A server that does not watch its clients' sockets."""
    with running(request.param, UPSTREAM=model.url, UNWATCHED="yes") as live:
        yield live


@thorough
@each_way_to_leave
@pytest.mark.parametrize(
    "moment", [BUSY, SILENT._replace(options={"heartbeat": 0.1})], ids=["token", "heartbeat"]
)
def test_what_is_written_finds_a_departure_where_nothing_else_does(
    unwatched, model, moment, leave
):
    departure(unwatched, model, moment, leave)
