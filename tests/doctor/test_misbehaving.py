"""Sites that fail while they are measured: each failure is reported, and none blocks the doctor."""

from __future__ import annotations

import json
import threading

import pytest

from tests.support.upstream import HEAD, LAST_CHUNK, Upstream, answer, events

TOKEN = ("--token", "a secret of the doctor")
TOKENS = [{"ended": False, "message": "0"}, {"ended": True, "message": ""}]
INSIDE = answer(200, json.dumps({"heartbeat": 15, "findings": []}))
CLOSED = {"process": 1, "state": "closed", "reason": "disconnect", "seconds": 0.1}
NOTICED = answer(200, json.dumps(CLOSED))
UNKNOWN = answer(200, json.dumps({"process": 1, "state": "unknown"}))


def silent(exchange):
    """One token, then silence."""
    exchange.send(HEAD)
    exchange.send_event(TOKENS[0])


def brief(exchange):
    """One token, then the end at once: for tests of something else than silence."""
    silent(exchange)
    exchange.send(LAST_CHUNK)


@pytest.fixture
def found(examine, monkeypatch):
    """The findings at a site whose routes answer by these scripts: without them, at once."""
    for module in ("silence", "leaving"):
        monkeypatch.setattr(f"flask_llmstream.doctor.probe.{module}.LEEWAY", 0.3)

    def found(count=events(*TOKENS), inside=INSIDE, silence=brief, fate=NOTICED):
        scripts = {"completions": count, "doctor": inside, "silence": silence}

        def script(exchange):
            route = exchange.path.partition("?")[0].rpartition("/")[2]
            scripts.get(route, fate)(exchange)

        with Upstream(script) as upstream:
            return examine(upstream.url, *TOKEN, "--silence", "1")

    return found


def test_a_count_that_never_ends_is_left_after_a_while(found, monkeypatch):
    monkeypatch.setattr("flask_llmstream.doctor.probe.spacing.ENOUGH", 0.1)
    enough = threading.Event()

    def endless(exchange):
        exchange.send(HEAD)
        try:
            while not enough.wait(0.01):
                exchange.send_event(TOKENS[0])
        except OSError:  # it has left
            enough.set()

    spacing = found(count=endless)["spacing"]
    assert enough.is_set()
    assert spacing["level"] == "error" and spacing["figures"]["ended"] is False


def test_a_report_that_never_ends_is_none(found):
    left = threading.Event()

    def endless(exchange):
        exchange.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        try:
            for _ in range(1000):
                exchange.send(b"x" * 65536)
        except OSError:  # it has left
            left.set()

    assert found(inside=endless)["server"]["level"] == "warning"
    assert left.is_set()


@pytest.mark.parametrize(
    "inside", [answer(404), answer(200, "<html>"), answer(200, "{}", content_encoding="gzip")]
)
def test_an_answer_that_tells_nothing_of_the_server_is_none(found, inside):
    assert "no routes for the doctor" in found(inside=inside)["server"]["seen"]


def test_silence_that_nobody_ends_is_told_as_lost(found):
    assert found(silence=silent)["silence"]["seen"].startswith("lost without a word after 1.0 s")


def test_a_site_that_fills_the_silence_is_left_after_a_while(found):
    enough = threading.Event()

    def noisy(exchange):
        silent(exchange)
        try:
            while not enough.wait(0.01):
                exchange.send_chunk(": \n\n")
        except OSError:  # it has left
            enough.set()

    assert found(silence=noisy)["silence"]["figures"]["outcome"] == "lost"


def test_a_stream_of_one_endless_line_is_no_count(found):
    def endless_line(exchange):
        exchange.send(HEAD)
        exchange.send_chunk("data: " + "x" * 2_000_000)

    assert found(count=endless_line)["spacing"]["level"] == "error"


def test_silence_that_is_cut_is_told_with_its_time(found):
    def cut(exchange):
        silent(exchange)
        exchange.reset()

    silence = found(silence=cut)["silence"]
    assert silence["figures"]["outcome"] == "cut" and silence["figures"]["lasted"] < 1


@pytest.mark.parametrize("last", [[], [{"ended": True, "error": {"code": "shutdown"}}]])
def test_silence_whose_end_comes_without_its_token_is_cut_too(found, last):
    def ended(exchange):
        silent(exchange)
        for event in last:
            exchange.send_event(event)
        exchange.send("0\r\n\r\n")

    assert found(silence=ended)["silence"]["figures"]["outcome"] == "cut"


def test_a_stream_that_no_process_knows_is_asked_for_no_longer_than_it_can_last(found):
    leaving = found(fate=UNKNOWN)["leaving"]
    assert leaving["level"] == "warning" and "of the 1 processes" in leaving["seen"]


@pytest.mark.parametrize(
    "fate", [answer(502), answer(200, "not JSON"), answer(200, "[]"), lambda it: it.reset()]
)
def test_an_answer_that_tells_nothing_of_a_stream_is_none(found, fate):
    assert "of the 0 processes" in found(fate=fate)["leaving"]["seen"]


def test_what_can_t_be_measured_does_not_keep_the_rest_from_it(found):
    refused = [one for one in found(silence=answer(503)).findings if one["check"] == "reach"]
    assert ["answers 503" in finding["seen"] for finding in refused] == [True, True]
