"""The headers of an event stream, and how one is told by its headers."""

from __future__ import annotations

import pytest

from flask_llmstream.wsgi.headers import (
    HEADERS,
    event_stream_headers,
    inherited_headers,
    is_encoded,
    is_event_stream,
)

EVENT_STREAM = ("Content-Type", "text/event-stream")


def sent(*headers):
    return dict(event_stream_headers(list(headers)))


# Which responses are event streams.


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


# The headers that it is sent with.


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
        ("", "no-store, no-transform"),
        ("no-transform", "no-store, no-transform"),
        ("no-cache", "no-cache, no-transform"),
        ("no-store", "no-store, no-transform"),
        ("private, max-age=0", "private, max-age=0, no-transform"),
        ("public, max-age=60, No-Transform", "public, max-age=60, no-transform"),
    ],
)
def test_who_may_keep_it_is_the_app_s_to_say(said, becomes):
    assert sent(EVENT_STREAM, ("cache-control", said))["Cache-Control"] == becomes


def test_several_headers_of_caching_become_one():
    headers = [EVENT_STREAM, ("Cache-Control", "private"), ("Cache-Control", "no-store")]
    assert sent(*headers)["Cache-Control"] == "private, no-store, no-transform"


# The headers that the response to a failure inherits.

OF_THE_BODY_THAT_NEVER_CAME = [
    ("Content-Type", "text/event-stream"),
    ("Content-Length", "7"),
    ("Content-Encoding", "identity"),
    ("Content-Language", "de"),
    ("Content-Location", "/answers/7"),
    ("Content-Disposition", "attachment; filename=answer.txt"),
    ("Content-Range", "bytes 0-6/7"),
    ("Content-MD5", "a digest"),
    ("Content-Digest", "a digest"),
    ("Repr-Digest", "a digest"),
    ("Digest", "a digest"),
    ("Accept-Ranges", "bytes"),
    ("ETag", '"7"'),
    ("Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ("Link", "</answers/8>; rel=next"),
    ("Location", "/answers/7"),
    ("Refresh", "7"),
    ("Retry-After", "60"),
    ("Preference-Applied", "wait=7"),
    ("Cache-Control", "public, max-age=60"),
    ("Expires", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ("Pragma", "no-cache"),
    ("Age", "7"),
    ("CDN-Cache-Control", "max-age=60"),
    ("Surrogate-Control", "max-age=60"),
    ("Surrogate-Key", "answers"),
    ("Cache-Tag", "answers"),
    ("Trailer", "X-Sum"),
    ("X-Accel-Buffering", "no"),
    ("X-Accel-Expires", "60"),
    ("X-Accel-Redirect", "/files/7"),
    ("X-Sendfile", "/files/7"),
]
OF_THE_REQUEST = [
    ("Set-Cookie", "session=7"),
    ("Vary", "Accept, Cookie"),
    ("Access-Control-Allow-Origin", "https://example.org"),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Expose-Headers", "X-Request-ID"),
    ("Content-Security-Policy", "default-src 'self'"),
    ("Strict-Transport-Security", "max-age=60"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("X-RateLimit-Remaining", "7"),
    ("RateLimit", "limit=10, remaining=7"),
    ("X-Request-ID", "7"),
    ("WWW-Authenticate", "Basic"),
    ("Allow", "GET"),
    ("Server-Timing", "db;dur=7"),
    ("X-Of-The-App", "7"),
]


@pytest.mark.parametrize("case", [str.title, str.upper, str.lower])
@pytest.mark.parametrize("name, value", OF_THE_BODY_THAT_NEVER_CAME, ids=lambda part: part[:20])
def test_what_speaks_of_a_body_that_never_came_is_left_behind(name, value, case):
    assert inherited_headers([(case(name), value)], []) == []


@pytest.mark.parametrize("name, value", OF_THE_REQUEST, ids=lambda part: part[:20])
def test_what_speaks_of_the_request_is_taken_over(name, value):
    assert inherited_headers([(name, value)], []) == [(name, value)]


def test_what_the_answer_says_itself_goes_before():
    own = [("x-request-id", "8"), ("Access-Control-Allow-Origin", "*")]
    streams = [("X-Request-ID", "7"), ("access-control-allow-origin", "null")]
    assert inherited_headers(streams, own) == []


def test_cookies_and_what_it_varies_by_come_from_both():
    theirs = [("Set-Cookie", "session=7"), ("Vary", "Accept"), ("Vary", "Origin")]
    own = [("Set-Cookie", "theme=dark"), ("Vary", "Origin")]
    assert inherited_headers(theirs, own) == [("Set-Cookie", "session=7"), ("Vary", "Accept")]
