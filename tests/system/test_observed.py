"""Agents that wrap an application to watch it: they see whose stream it is, and break none."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.conftest import needs
from tests.support.servers import serving

needs("sentry-sdk", find_spec("sentry_sdk"))
needs("opentelemetry-instrumentation-flask", find_spec("opentelemetry"))

APP = "tests.live_apps.observed:app"
SERVERS = {
    "gunicorn gevent": f"-m gunicorn -k gevent -b 127.0.0.1:{{port}} --log-level warning {APP}",
    "flask run, threads": "-m flask run --port {port}",
}


@pytest.fixture(scope="module", params=SERVERS)
def live(request):
    """The application with Sentry and OpenTelemetry, on greenlets and on threads."""
    with serving(SERVERS[request.param], FLASK_APP=APP) as live:
        yield live


@pytest.fixture
def error(live):
    """The report to Sentry of a stream that fails after its first token."""
    with live.request("GET", "/failing") as reader:
        reader.blocks()
    return live.get("/errors")


def test_an_error_of_a_generator_is_told_with_its_request_and_the_views_tags(error):
    assert error["exception"]["values"][-1]["value"] == "the model is gone"
    assert error["request"]["url"].endswith("/failing")
    assert error["transaction"] == "failing"
    assert error["tags"]["tenant"] == "ada"


def test_an_error_of_a_generator_is_one_that_nobody_handled(error):
    mechanism = error["exception"]["values"][-1]["mechanism"]
    assert (mechanism["type"], mechanism["handled"]) == ("flask", False)


def test_an_error_of_a_generator_is_told_once(live, error):
    with live.request("GET", "/failing") as reader:
        reader.blocks()
    assert live.get("/errors")["event_id"] != error["event_id"]
    assert live.get("/errors/waiting") == 0


def test_a_generators_span_is_in_that_of_its_request(live):
    with live.request("GET", "/traced") as reader:
        assert b"one" in b"".join(reader.blocks())
    spans = live.get("/spans")
    assert spans["the model"]["in"] == spans["GET /traced"]["id"]
    assert not any("Failed to detach context" in line for line in live.log)


def test_each_token_arrives_before_the_next_is_made(live):
    with live.request("GET", "/gated") as reader:
        reader.block()
        for token in ("one", "two"):
            live.release(token)
            assert token.encode() in reader.block()
        live.release("end")
        assert b'"reason":"complete"' in reader.blocks()[-1]


def test_a_reader_who_leaves_ends_the_generator(live):
    live.post("/forget")
    with live.request("GET", "/gated") as reader:
        reader.block()
        assert live.entered()
    assert any(ended_at_its_next_yield(live) for _ in range(100))


def ended_at_its_next_yield(live):
    """On a thread the departure is noticed a moment later, perhaps after one more yield."""
    live.release("unheard")
    return live.closed(seconds=0.2)
