"""``Failure``: a client is told the class of a failure and where to find it, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.exceptions import HTTPException, NotFound, ServiceUnavailable, TooManyRequests
from werkzeug.routing import RequestRedirect

from flask_llmstream.errors import ProviderError, RequestError, StreamError
from flask_llmstream.failure import Failure, failure_of

HIDDEN = Failure("internal", "The answer failed. The server's log says why.", "id-7", 500)


def test_a_stream_error_speaks_for_itself() -> None:
    error = StreamError("Come back later.", code="closed", status=503, retry_after=60)
    assert failure_of(error, "id-7") == Failure("closed", "Come back later.", "id-7", 503, 60)


def test_a_class_of_stream_errors_brings_its_own_code_and_status() -> None:
    failure = failure_of(ProviderError("The model's server can't be reached."), "id-7")
    assert (failure.code, failure.status, failure.retry_after) == ("provider_error", 502, None)


def test_a_wrong_request_names_its_field() -> None:
    failure = failure_of(RequestError("is empty", field="prompt"), "id-7")
    assert (failure.message, failure.field) == ("prompt: is empty", "prompt")
    assert failure.as_json() == {
        "code": "invalid_request",
        "message": "prompt: is empty",
        "id": "id-7",
        "field": "prompt",
    }


def test_a_failure_of_no_field_has_none_in_its_json() -> None:
    for error in (StreamError("No."), RequestError("the body is not JSON")):
        assert set(failure_of(error, "id-7").as_json()) == {"code", "message", "id"}


def test_an_http_exception_speaks_for_itself() -> None:
    failure = failure_of(NotFound("There is no such conversation."), "id-7")
    assert failure == Failure("http_error", "There is no such conversation.", "id-7", 404)


@pytest.mark.parametrize("kind", [ServiceUnavailable, TooManyRequests])
def test_an_http_exception_says_when_to_come_back(kind: Any) -> None:
    assert failure_of(kind("Later.", retry_after=60), "id-7").retry_after == 60


class LibraryError(Exception):
    """Has what an HTTP exception has, and is none: its text is nobody's business."""

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
    assert failure_of(error, "id-7") == HIDDEN


def test_in_debug_mode_any_exception_is_shown() -> None:
    failure = failure_of(KeyError("secret"), "id-7", reveal=True)
    assert failure == Failure("internal", "KeyError: 'secret'", "id-7", 500)


def test_debug_mode_changes_nothing_for_who_speaks_for_itself() -> None:
    for error in (StreamError("No."), RequestError("No.", field="n"), NotFound("No.")):
        assert failure_of(error, "id-7", reveal=True) == failure_of(error, "id-7")
