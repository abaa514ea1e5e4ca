"""The exceptions: one tree, with a code, a status and details on each."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from flask_llmstream import errors
from flask_llmstream.errors import (
    ConfigurationError,
    CrossSiteRequest,
    EventTooLarge,
    IdempotencyKeyReused,
    LLMStreamError,
    ProducerLost,
    ProviderError,
    ReplayFull,
    ReplayUnavailable,
    RequestError,
    RequestTooLarge,
    StreamClosed,
    StreamError,
    StreamGone,
    StreamIsProduced,
    StreamNotStarted,
    StreamOverflow,
    StreamRefused,
    StreamShutdown,
    StreamTimeout,
    UnknownModel,
    UnknownStream,
    UnsendableItem,
    UnsupportedMediaType,
)

TREE = {
    LLMStreamError: [Exception],
    ConfigurationError: [LLMStreamError, ValueError],
    EventTooLarge: [LLMStreamError, ValueError],
    StreamClosed: [LLMStreamError],
    StreamNotStarted: [LLMStreamError],
    UnsendableItem: [LLMStreamError, TypeError],
    StreamError: [LLMStreamError],
    RequestError: [StreamError],
    CrossSiteRequest: [RequestError],
    IdempotencyKeyReused: [RequestError],
    UnknownModel: [RequestError],
    UnsupportedMediaType: [RequestError],
    RequestTooLarge: [RequestError],
    StreamRefused: [StreamError],
    StreamGone: [StreamError],
    StreamOverflow: [StreamError],
    StreamShutdown: [StreamError],
    StreamTimeout: [StreamError],
    ProviderError: [StreamError],
    ReplayUnavailable: [StreamError],
    ReplayFull: [StreamRefused],
    StreamIsProduced: [StreamError],
    UnknownStream: [StreamError],
    ProducerLost: [StreamError],
}


def test_the_tree() -> None:
    classes = [kind for kind in vars(errors).values() if inspect.isclass(kind)]
    assert {kind: list(kind.__bases__) for kind in classes} == TREE


def test_each_error_is_explained() -> None:
    assert all(inspect.getdoc(kind) for kind in TREE)


def test_an_event_too_large_knows_the_bound() -> None:
    error = EventTooLarge(1024)
    assert error.limit == 1024
    assert str(error) == "an event is larger than the limit of 1024 bytes"


def test_a_closed_stream_knows_why() -> None:
    error = StreamClosed("disconnect")
    assert error.reason == "disconnect"
    assert str(error) == "the stream has ended (disconnect)"


def test_an_unsendable_item_knows_its_source() -> None:
    error = UnsendableItem("ticks", TypeError("NoneType can't be streamed"))
    assert error.source == "ticks"
    assert str(error) == "ticks gave an item that can't be sent: NoneType can't be streamed"


STATUSES = {
    StreamError: ("error", 500),
    RequestError: ("invalid_request", 400),
    CrossSiteRequest: ("cross_site", 403),
    UnknownModel: ("unknown_model", 404),
    UnsupportedMediaType: ("unsupported_media_type", 415),
    RequestTooLarge: ("request_too_large", 413),
    StreamGone: ("gone", 410),
    StreamRefused: ("too_many_streams", 503),
    StreamOverflow: ("overflow", 503),
    StreamShutdown: ("shutdown", 503),
    StreamTimeout: ("timeout", 504),
    ProviderError: ("provider_error", 502),
    UnknownStream: ("unknown_stream", 404),
    ProducerLost: ("producer_lost", 502),
}

OWN_WORDS = {
    IdempotencyKeyReused(): ("idempotency_key_reused", 422, None),
    ReplayUnavailable(): ("replay_unavailable", 503, 1),
    ReplayFull(): ("too_many_streams", 503, 1),
    StreamIsProduced("a" * 32): ("already_produced", 409, None),
}


@pytest.mark.parametrize("error, told", OWN_WORDS.items(), ids=lambda each: type(each).__name__)
def test_what_has_words_of_its_own_needs_none(error: Any, told: Any) -> None:
    assert (error.code, error.status, error.retry_after) == told
    assert str(error)


@pytest.mark.parametrize("kind", list(STATUSES))
def test_what_may_be_shown_has_a_message_a_code_and_a_status(kind: Any) -> None:
    error = kind("Ask again.")
    assert (error.code, error.status) == STATUSES[kind]
    assert (str(error), error.retry_after) == ("Ask again.", None)


@pytest.mark.parametrize("kind", [StreamError, ProviderError, StreamRefused])
def test_one_error_can_say_its_own_code_status_and_delay(kind: Any) -> None:
    error = kind("Ask again.", code="busy", status=429, retry_after=30)
    assert (error.code, error.status, error.retry_after) == ("busy", 429, 30)
    assert (kind.code, kind.status) == STATUSES[kind]


def test_a_class_of_one_s_own_says_its_code_and_status_once() -> None:
    class QuotaExceeded(StreamError):
        code = "quota_exceeded"
        status = 402

    error = QuotaExceeded("Your quota is used up.")
    assert (error.code, error.status) == ("quota_exceeded", 402)


@pytest.mark.parametrize("kind", [RequestError, UnknownModel])
def test_a_wrong_request_names_the_part_that_is_wrong(kind: Any) -> None:
    error = kind("is empty", field="prompt")
    assert (error.field, str(error)) == ("prompt", "prompt: is empty")


def test_a_request_may_be_wrong_as_a_whole() -> None:
    error = RequestError("the body is not JSON")
    assert (error.field, str(error)) == (None, "the body is not JSON")


def test_a_provider_s_error_knows_what_its_server_answered() -> None:
    assert ProviderError("It is busy.", upstream_status=429).upstream_status == 429
    assert ProviderError("It can't be reached.").upstream_status is None


def test_a_shutdown_says_when_to_come_back_in_both_units() -> None:
    error = StreamShutdown("Ask again.", retry=1001)
    assert (error.retry, error.retry_after) == (1001, 2)
