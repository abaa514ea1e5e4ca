"""What an event stream is sent with, and what tells one."""

from __future__ import annotations

import pytest

from flask_llmstream.headers import HEADERS, event_stream_headers, is_encoded, is_event_stream

EVENT_STREAM = ("Content-Type", "text/event-stream")


def sent(*headers):
    return dict(event_stream_headers(list(headers)))


# What is one.


@pytest.mark.parametrize(
    "content_type", ["text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream"]
)
def test_an_event_stream_is_told_by_its_type(content_type):
    assert is_event_stream("200 OK", [("content-type", content_type)])


@pytest.mark.parametrize("content_type", ["text/html", "text/event-streams", "text/plain", ""])
def test_other_types_are_none(content_type):
    assert not is_event_stream("200 OK", [("Content-Type", content_type)])


def test_an_answer_without_a_type_is_none():
    assert not is_event_stream("200 OK", [])


@pytest.mark.parametrize("status", ["204 No Content", "205 Reset Content", "304 Not Modified"])
def test_an_answer_without_a_body_is_none(status):
    assert not is_event_stream(status, [EVENT_STREAM])


@pytest.mark.parametrize("status", ["302 Found", "404 Not Found", "500 Internal Server Error"])
def test_an_answer_that_went_wrong_is_none(status):
    assert not is_event_stream(status, [EVENT_STREAM])


def test_one_whose_length_is_known_is_not_live():
    assert not is_event_stream("200 OK", [EVENT_STREAM, ("Content-Length", "20")])


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP"])
def test_a_compressed_body_is_encoded(encoding):
    assert is_encoded([EVENT_STREAM, ("content-encoding", encoding)])


@pytest.mark.parametrize("headers", [[], [("Content-Encoding", "identity")]])
def test_identity_is_no_encoding(headers):
    assert not is_encoded([EVENT_STREAM, *headers])


# What it is sent with.


def test_what_keeps_proxies_from_buffering_is_added():
    assert sent(EVENT_STREAM) == {"Content-Type": "text/event-stream", **HEADERS}


def test_what_the_app_says_of_it_is_replaced_whatever_its_case():
    headers = event_stream_headers([EVENT_STREAM, ("x-accel-buffering", "yes")])
    assert [value for name, value in headers if name.lower() == "x-accel-buffering"] == ["no"]


def test_the_rest_stays_as_it_is_and_in_order():
    cookies = [("Set-Cookie", "a=1"), EVENT_STREAM, ("Set-Cookie", "b=2")]
    assert event_stream_headers(cookies)[:3] == cookies


@pytest.mark.parametrize("name", ["Connection", "keep-alive", "Transfer-Encoding"])
def test_hop_by_hop_headers_go(name):
    assert name not in sent(EVENT_STREAM, (name, "keep-alive"))


@pytest.mark.parametrize(
    "said, becomes",
    [
        ("", "no-cache, no-transform"),
        ("no-cache", "no-cache, no-transform"),
        ("no-store", "no-store, no-transform"),
        ("private, max-age=0", "private, max-age=0, no-cache, no-transform"),
        ("No-Cache, No-Transform", "No-Cache, No-Transform"),
    ],
)
def test_what_the_app_says_of_caching_stays_where_it_is_stricter(said, becomes):
    assert sent(EVENT_STREAM, ("cache-control", said))["Cache-Control"] == becomes


def test_several_headers_of_caching_become_one():
    headers = [EVENT_STREAM, ("Cache-Control", "private"), ("Cache-Control", "no-store")]
    assert sent(*headers)["Cache-Control"] == "private, no-store, no-transform"
