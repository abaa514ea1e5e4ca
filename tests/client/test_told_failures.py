"""What servers tell of a failure, in whichever shape."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from flask_llmstream.client.failures import refused, seconds_of, told_failure


@pytest.mark.parametrize(
    "error, words",
    [
        ("Broken.", "Broken."),
        ({"error": "Broken."}, "Broken."),
        ({"error": {"message": "Broken."}}, "Broken."),
        ({"detail": [{"loc": ["body", "n"], "msg": "is bad"}]}, "is bad"),
        ([{"error": {"message": "Broken."}}], "Broken."),
        ({"title": "Broken."}, "Broken."),
        ({"error": {"error": {"error": {"message": "Broken."}}}}, "Broken."),
        ({}, "The answer failed."),
        (None, "The answer failed."),
        ({"error": " "}, "The answer failed."),
        ("x" * 600, "x" * 500 + " …"),
    ],
)
def test_its_words(error, words):
    assert str(told_failure(error)) == words


def test_its_facts():
    inner = {"message": "m", "code": "c", "id": "i", "param": "p", "type": "t"}
    failure = told_failure({"type": "error", "error": inner}, status=429)
    assert (failure.code, failure.id, failure.field, failure.status) == ("c", "i", "p", 429)


def test_a_number_in_place_of_a_code():
    assert told_failure({"error": {"message": "m", "code": 429}}).code == "429"


def test_a_place_in_fastapi_s_form():
    told = {"detail": [{"loc": ["body", "messages", 0], "msg": "m"}]}
    assert told_failure(told).field == "messages.0"


def test_the_id_of_a_response_stands_in():
    failure = refused(500, "Broken", {"X-Request-ID": "r", "Retry-After": "1.2"}, "")
    assert (failure.id, failure.retry_after, failure.code) == ("r", 2, "http_error")
    assert str(failure) == "The server answered 500 Broken."


def test_the_time_to_come_back_at():
    later = datetime.now(timezone.utc) + timedelta(seconds=90)
    assert 80 <= seconds_of(format_datetime(later, usegmt=True)) <= 90
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    for nothing in (None, "", "soon", "-1", "1e9", "Wed, 32 Oct 2015 07:28:00 GMT"):
        assert seconds_of(nothing) is None
