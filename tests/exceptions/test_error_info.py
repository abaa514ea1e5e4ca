"""``ErrorInfo``: a client sees the class of a failure and its ID in the log, and nothing else."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest
from werkzeug.exceptions import (
    HTTPException,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    default_exceptions,
)
from werkzeug.routing import RequestRedirect

from flask_llmstream.errors import ProviderError, RequestError, StreamError
from flask_llmstream.exceptions.error_info import error_info_of
from flask_llmstream.records import ErrorInfo
from flask_llmstream.sse.json import json_bytes
from tests.support.unshowable import UNSHOWABLE

HIDDEN = ErrorInfo("internal", "The answer failed. The server's log says why.", "id-7", 500)


def test_a_stream_error_speaks_for_itself() -> None:
    error = StreamError("Come back later.", code="closed", status=503, retry_after=60)
    assert error_info_of(error, "id-7") == ErrorInfo("closed", "Come back later.", "id-7", 503, 60)


def test_a_class_of_stream_errors_brings_its_own_code_and_status() -> None:
    failure = error_info_of(ProviderError("The model's server can't be reached."), "id-7")
    assert (failure.code, failure.status, failure.retry_after) == ("provider_error", 502, None)


def test_a_wrong_request_names_its_field() -> None:
    failure = error_info_of(RequestError("is empty", field="prompt"), "id-7")
    assert (failure.message, failure.field) == ("prompt: is empty", "prompt")
    assert failure.as_json() == {
        "message": "prompt: is empty",
        "type": "invalid_request_error",
        "param": "prompt",
        "code": "invalid_request",
        "id": "id-7",
        "field": "prompt",
    }


def test_a_failure_of_no_field_has_the_param_null() -> None:
    for error in (StreamError("No."), RequestError("the body is not JSON"), ProviderError("No.")):
        body = error_info_of(error, "id-7").as_json()
        assert set(body) == {"message", "type", "param", "code", "id"}
        assert body["param"] is None


def test_a_models_server_may_name_a_field_too() -> None:
    failure = error_info_of(ProviderError("Too high.", status=400, field="temperature"), "id-7")
    assert (failure.message, failure.as_json()["param"]) == ("Too high.", "temperature")


@pytest.mark.parametrize(
    "status, told",
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (410, "invalid_request_error"),
        (413, "invalid_request_error"),
        (415, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "server_error"),
        (502, "server_error"),
        (503, "server_error"),
        (504, "server_error"),
    ],
)
def test_the_status_decides_the_type(status: int, told: str) -> None:
    for error in (StreamError("No.", status=status), default_exceptions[status]("No.")):
        assert error_info_of(error, "id-7").as_json()["type"] == told


def test_an_http_exception_speaks_for_itself() -> None:
    failure = error_info_of(NotFound("There is no such conversation."), "id-7")
    assert failure == ErrorInfo("http_error", "There is no such conversation.", "id-7", 404)


@pytest.mark.parametrize("kind", [ServiceUnavailable, TooManyRequests])
def test_an_http_exception_says_when_to_come_back(kind: Any) -> None:
    assert error_info_of(kind("Later.", retry_after=60), "id-7").retry_after == 60


class LibraryError(Exception):
    """Has the attributes of an HTTP exception, and is none: its text must stay hidden."""

    code = 404
    description = "secret"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret"),
        KeyError("secret"),
        SystemExit(404),
        LibraryError("secret"),
        HTTPException("secret"),
        RequestRedirect("/secret"),
    ],
    ids=repr,
)
def test_the_text_of_any_other_exception_is_for_the_log(error: BaseException) -> None:
    assert error_info_of(error, "id-7") == HIDDEN


def test_in_debug_mode_any_exception_is_shown() -> None:
    failure = error_info_of(KeyError("secret"), "id-7", reveal=True)
    assert failure == ErrorInfo("internal", "KeyError: 'secret'", "id-7", 500)


def test_debug_mode_changes_nothing_for_who_speaks_for_itself() -> None:
    for error in (StreamError("No."), RequestError("No.", field="n"), NotFound("No.")):
        assert error_info_of(error, "id-7", reveal=True) == error_info_of(error, "id-7")


# What has code of its own.


@pytest.mark.parametrize("reveal", [False, True])
@pytest.mark.parametrize("kind", UNSHOWABLE)
def test_an_exception_that_cant_be_asked_is_told_as_any_other(kind: Any, reveal: bool) -> None:
    failure = error_info_of(kind("secret"), "id-7", reveal=reveal)
    assert (failure.code, failure.id, failure.status) == ("internal", "id-7", 500)
    assert ("secret" not in failure.message) or reveal
    json_bytes(failure.as_json())


@pytest.mark.parametrize("kind", UNSHOWABLE)
def test_nor_does_a_stream_error_need_words(kind: Any) -> None:
    both: Any = type("Both", (kind, StreamError), {"code": "no_credit"})
    failure = error_info_of(both.__new__(both, "No credit."), "id-7")
    assert failure.code in ("no_credit", "error")
    assert failure.message in ("No credit.", "The answer failed.")
    json_bytes(failure.as_json())


class Forgetful(StreamError):
    """Its constructor does not call ours."""

    def __init__(self) -> None:
        pass


def test_a_stream_error_that_was_made_half_is_told_as_one() -> None:
    assert error_info_of(Forgetful(), "id-7") == ErrorInfo("error", "The answer failed.", "id-7")


class Text(str):
    def __str__(self) -> str:
        raise LookupError("no words")

    __repr__ = __format__ = __str__  # type: ignore[assignment]


class Number(int):
    def __int__(self) -> int:
        raise LookupError("no number")

    __str__ = __repr__ = __index__ = __int__  # type: ignore[assignment]


@pytest.mark.parametrize("status", [0, 200, 302, 600, -1, 10**30, "404", None, True, object(), []])
def test_what_is_no_status_of_a_failure_is_500(status: Any) -> None:
    error = StreamError("No.")
    error.status = status
    assert error_info_of(error, "id-7").status == 500


@pytest.mark.parametrize(
    "status", [404, 404.0, HTTPStatus.NOT_FOUND, Number(404)], ids=["int", "float", "enum", "own"]
)
def test_a_status_is_a_plain_number(status: Any) -> None:
    failure = error_info_of(StreamError("No.", status=status), "id-7")
    assert (failure.status, type(failure.status)) == (404, int)


@pytest.mark.parametrize(
    "after, seconds",
    [(7, 7), (6.2, 7), (Number(7), 7), (0, 0), (-1, None), (float("nan"), None)]
    + [(float("inf"), None), ("7", None), ("7\r\nX: y", None), (10**5000, None), ([], None)],
    ids=lambda value: type(value).__name__,  # some have no words
)
def test_when_to_come_back_is_whole_seconds_or_nothing(after: Any, seconds: Any) -> None:
    failure = error_info_of(StreamError("Later.", retry_after=after), "id-7")
    assert failure.retry_after == seconds
    assert type(failure.retry_after) in (int, type(None))


@pytest.mark.parametrize("code, told", [(Text("quota"), "quota"), (7, "error"), ({}, "error")])
def test_a_code_is_a_plain_text(code: Any, told: str) -> None:
    failure = error_info_of(StreamError("No.", code=code), "id-7")
    assert (failure.code, type(failure.code)) == (told, str)


@pytest.mark.parametrize("message", [None, 7, b"bytes", ["a", "list"], "\ud800", "line\nbreak"])
def test_any_message_can_be_sent(message: Any) -> None:
    failure = error_info_of(StreamError(message), "id-7")
    sent = json.loads(json_bytes(failure.as_json()))["message"]
    assert sent == failure.message.replace("\ud800", "\ufffd")  # half a character
