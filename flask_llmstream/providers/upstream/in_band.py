"""``failure_in``: the error that a server hides in an answer of status 200.

Each table names the servers that are known for its members.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping

from .part import parse_part

_ERRORS = frozenset({
    "error", "errors", "error_type", "error_message", "error_code", "error_msg",
})  # fmt: skip
"""Cloudflare has ``errors``, gateways have ``error_type``, Baidu has ``error_msg``."""

_WORDS = ("message", "msg", "detail")
"""The members for a failure's words, in a part without choices."""

_NOTICES = frozenset({
    "ping", "pong", "keepalive", "keep-alive", "keep_alive", "heartbeat", "status", "info",
    "progress", "processing", "queued", "loading", "warning", "notice", "log", "debug", "metadata",
    "connected", "start", "started",
})  # fmt: skip
"""The types of parts that say nothing about the answer."""

_ALL_IS_WELL = frozenset({"0", "200", "ok", "success", "succeeded", "none", "null", "false"})
"""The values of a code and the words of servers that tell each part so: Spark, Baidu."""

_OF_AN_ANSWER = frozenset({
    "id", "created", "model", "choices", "usage", "delta", "content", "logprobs",
})  # fmt: skip

_OF_A_PART = frozenset({"id", "object", "model", "choices", "usage"})

_FAILED = re.compile(
    r"error|fail|abort|cancel|time_?d?_?out|interrupt|exception|malformed|unexpected"
    r"|insufficient_system_resource",
    re.IGNORECASE,
)


def failure_in(part: Any) -> Any:
    """The error, as the server sent it, with what stands beside it; ``None`` without one.

    :param part: the value of a part's JSON. Gemini puts its errors into a list.
    """
    if isinstance(part, list):
        return next((each for each in map(failure_in, part) if each is not None), None)
    if not isinstance(part, dict):
        return None
    for holder in _holders(part):
        for name in _ERRORS & holder.keys():
            if _is_said(holder[name]):
                return _without_answer(holder)
    is_failure = _is_refused(part) or (not part.get("choices") and _is_failure(part))
    return _without_answer(part) if is_failure else None


def tells_failure(word: str) -> bool:
    """Whether a ``finish_reason`` or an event's type says that the answer failed: ``error``
    (OpenRouter, Mistral), ``abort`` (vLLM, SGLang), ``network_error`` (Zhipu),
    ``insufficient_system_resource`` (DeepSeek), ``MALFORMED_FUNCTION_CALL`` (Gemini)."""
    return _FAILED.search(word) is not None


def failure_told(data: str) -> Any:
    """The error in an event whose type tells a failure; its data may be anything."""
    try:
        told = parse_part(data)
    except ValueError:
        return data
    inside = failure_in(told)
    return inside or told or data


def is_notice(kind: Any) -> bool:
    """Whether the type of a part or of an event is that of a keep-alive or a report."""
    return isinstance(kind, str) and kind.strip().lower() in _NOTICES


def is_part(part: Mapping[str, Any]) -> bool:
    """Whether it belongs to the answer: a keep-alive does not."""
    return not _is_notice(part) and not _OF_A_PART.isdisjoint(part)


def _is_notice(part: Mapping[str, Any]) -> bool:
    return any(is_notice(part.get(name)) for name in ("type", "event", "object", "status"))


def _without_answer(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    """An error with what stands beside it: some servers put its code there. No log shows text of
    the answer."""
    return {name: value for name, value in holder.items() if name not in _OF_AN_ANSWER}


def _holders(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects in which errors are found; Groq has one in ``x_groq``."""
    yield part
    inner = [part.get("x_groq")]
    choices = part.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            inner += (choice, choice.get("delta"), choice.get("message"))
    for holder in inner:
        if isinstance(holder, dict):
            yield holder


def _is_said(error: Any) -> bool:
    """False also for an error of nulls, zeros and empty texts, and for one that says that all is
    well (``{"code": 0, "message": "Success"}``)."""
    if isinstance(error, dict):
        return any(map(_is_said, error.values()))
    word = str(error).strip().lower() if isinstance(error, (str, int)) else ""
    return bool(error) and word not in _ALL_IS_WELL


def _is_refused(part: Mapping[str, Any]) -> bool:
    """Whether MiniMax has put an error beside the answer."""
    result = part.get("base_resp")
    return isinstance(result, dict) and _is_said(result.get("status_code"))


def _is_failure(part: Mapping[str, Any]) -> bool:
    """Whether a part without choices is an error itself."""
    if "error" in (part.get("object"), part.get("type"), part.get("status")):  # vLLM, Anthropic
        return True
    if part.get("success") is False:
        return True
    words = [part.get(name) for name in _WORDS if isinstance(part.get(name), (str, list))]
    is_well = part.get("code") is not None and not _is_said(part["code"])
    return not is_well and not _is_notice(part) and any(map(_is_said, words))
