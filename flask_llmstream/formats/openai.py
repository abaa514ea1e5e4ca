"""OpenAI's chat completions: chunks that end with ``[DONE]``, or one object for all.

Source: OpenAI's reference, "The chat completion object" and "The chat completion chunk object".
"""

from __future__ import annotations

import time
from typing import Any, Dict, Mapping, Optional

from ..deltas import Delta, DeltaSum
from ..errors import StreamError
from ..records import Ending, ErrorInfo, Gap, Usage
from ..sse.event import ServerSentEvent
from ..sse.json import json_bytes, json_text, quoted
from .base import EventStreamFormat, Format, id_line, one_event_a_text
from .finish_reasons import finish_reason_of
from .texts import NO_HEAD, ShowsDeltas
from .unsendable import unsendable

_SENDABLE = "text, a Delta or a ServerSentEvent"


class ChatCompletionChunks(ShowsDeltas, EventStreamFormat):
    """``chat.completion.chunk`` events: the answer to ``"stream": true``.

    :param model: the model's name in the request.
    :param include_usage: whether to send a chunk with the token counts before the end, if the
        model's server has counted. Default: no.
    :param has_ids: whether the last event carries the stream's ID, for an ``EventSource``.
        Default: no, because people take all that follows ``data: [DONE]`` in its block for data.
    """

    kind, id_prefix = "chat.completion.chunk", "chatcmpl-"
    may_be_plain = True

    def __init__(self, model: str, include_usage: bool = False, has_ids: bool = False) -> None:
        super().__init__()
        self._model = model
        self._created = int(time.time())
        self._include_usage = include_usage
        self._has_ids = has_ids
        self._calls_tools = False
        self._before = self._after = b""  # what stands round a text

    @property
    def _envelope(self) -> Dict[str, Any]:
        return envelope(self.kind, self.id_prefix + self.stream_id, self._model, self._created)

    @property
    def _whole_head(self) -> str:  # type: ignore[override]
        self._before, self._after = self._chunk({"content": ""}).rsplit(b'""', 1)
        return self._before.decode()

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        """The comment and the ID, before the chunk that names the role. Its text is empty."""
        role = {"role": "assistant", "content": "", "refusal": None}
        return super().opening(comment, None) + id_line(event_id) + self._chunk(role)

    @one_event_a_text
    def item(self, item: Any) -> bytes:
        if item.__class__ is str and self._head is not NO_HEAD:
            if item.isascii() or item.isprintable():  # no line separator is either of the two
                # The head is long, and so is not encoded each time.
                return self._before + quoted(item).encode() + self._after
        if isinstance(item, str):
            return self.text(item)
        if isinstance(item, Delta):
            return self.delta(item)
        if isinstance(item, ServerSentEvent):  # no chunk can hold it; clients ignore comments
            return ServerSentEvent(comment=item.event or "").encode()
        raise unsendable(item, _SENDABLE)

    def _written(self, text: str) -> bytes:
        return f"{self._head}{json_text(text)}".encode() + self._after

    def _shown(self, delta: Delta) -> bytes:
        self._calls_tools = self._calls_tools or bool(delta.tool_calls)
        said = dict(delta.choice_extra)
        if delta.logprobs is not None:
            said["logprobs"] = delta.logprobs
        return self._chunk(delta.as_json(), choice_extra=said, chunk_extra=delta.chunk_extra)

    def gap(self, gap: Gap) -> bytes:
        return ServerSentEvent(comment=f"gap {json_bytes(gap.as_json()).decode()}").encode()

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        last = self._chunk({}, finish_reason(ending, self._calls_tools))
        usage = usage_object(ending.usage)
        if self._include_usage and usage is not None:
            last += ServerSentEvent(dict(self._envelope, choices=[], usage=usage)).encode()
        return last + self._done(event_id)

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        return ServerSentEvent({"error": failure.as_json()}).encode() + self._done(event_id)

    def _done(self, event_id: Optional[str]) -> bytes:
        return ServerSentEvent("[DONE]", id=event_id if self._has_ids else None).encode()

    def _chunk(
        self,
        delta: Mapping[str, Any],
        reason: Optional[str] = None,
        choice_extra: Mapping[str, Any] = {},
        chunk_extra: Mapping[str, Any] = {},
    ) -> bytes:
        choice = self._choice(delta, reason, choice_extra)
        body = {**chunk_extra, **self._envelope, "choices": [choice]}
        return b"data: %b\n\n" % json_bytes(body)

    def _choice(
        self, delta: Mapping[str, Any], reason: Optional[str], extra: Mapping[str, Any]
    ) -> Dict[str, Any]:
        return {**extra, "index": 0, "delta": delta, "finish_reason": reason}


MAX_WHOLE_CHARS = 10_000_000
"""The most characters of an answer that is sent whole."""


class ChatCompletion(Format):
    """One ``chat.completion`` object, sent when the answer is complete.

    An answer of more than :data:`MAX_WHOLE_CHARS` characters fails with ``answer_too_large``. All
    count that are kept: of the text, the reasoning, the calls, the log probabilities and all else.

    :param model: the model's name in the request.
    """

    content_type = "application/json"
    is_whole = True
    kind, id_prefix = "chat.completion", "chatcmpl-"
    may_be_plain = True

    def __init__(self, model: str) -> None:
        self._model = model
        self._created = int(time.time())
        self._answer = DeltaSum()

    def item(self, item: Any) -> bytes:
        if isinstance(item, (str, Delta)):
            self._answer.add(item)
        elif not isinstance(item, ServerSentEvent):
            raise unsendable(item, _SENDABLE)
        if self._answer.size > MAX_WHOLE_CHARS:
            message = "The answer is too long to be sent whole. Ask for it with stream: true."
            raise StreamError(message, code="answer_too_large", status=502)
        return b""

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        answer = self._answer.total()
        head = envelope(self.kind, self.id_prefix + self.stream_id, self._model, self._created)
        choice = self._choice(answer, ending)
        body = {**answer.chunk_extra, **head, "choices": [choice]}
        usage = usage_object(ending.usage)
        return json_bytes(body if usage is None else dict(body, usage=usage))

    def _choice(self, answer: Delta, ending: Ending) -> Dict[str, Any]:
        return {
            **answer.choice_extra,
            "index": 0,
            "message": _message(answer),
            "logprobs": answer.logprobs,
            "finish_reason": finish_reason(ending, bool(answer.tool_calls)),
        }

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        return json_bytes({"error": failure.as_json()})


def envelope(kind: str, name: str, model: str, created: int) -> Dict[str, Any]:
    """The members that come before the choices.

    :param kind: the ``object``.
    :param name: the ``id``.
    :param created: the Unix time of the request.
    """
    return {"id": name, "object": kind, "created": created, "model": model}


def _message(answer: Delta) -> Dict[str, Any]:
    """A whole answer as OpenAI's message. ``content`` is null where a refusal or calls of tools
    stand in its place."""
    stands_for_text = answer.refusal or answer.tool_calls
    body = {
        **answer.as_json(),
        "role": "assistant",
        "content": None if stands_for_text and not answer.text else answer.text,
        "refusal": answer.refusal or None,
    }
    if answer.tool_calls:
        body["tool_calls"] = [_call(call.as_json()) for call in answer.tool_calls]
    return body


def _call(call: Dict[str, Any]) -> Dict[str, Any]:
    """A whole call. One of a function has a name and arguments, be they empty."""
    body = {name: value for name, value in call.items() if name != "index"}
    if body.setdefault("type", "function") == "function":
        body["function"] = {"name": "", "arguments": "", **body.get("function", {})}
    return body


def finish_reason(ending: Ending, calls_tools: bool = False) -> str:
    """The end of an answer in OpenAI's words.

    :param calls_tools: whether the answer calls tools. Default: no.
    """
    if ending.reason != "complete":  # cancelled: OpenAI's word for an answer that is not whole
        return "length"
    word = "stop" if ending.usage is None else ending.usage.finish_reason
    return finish_reason_of(word, calls_tools=calls_tools)


def usage_object(usage: Optional[Usage]) -> Optional[Dict[str, Any]]:
    """OpenAI's ``usage``; ``None`` where one of its two counts is unknown.

    The other members are those that the model's server sent. Its ``total_tokens`` counts, too.
    """
    if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    body = {
        **usage.extra,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
    }
    if type(body.get("total_tokens")) is not int:
        body["total_tokens"] = usage.prompt_tokens + usage.completion_tokens
    _detail(body, "prompt_tokens_details", "cached_tokens", usage.cached_tokens)
    _detail(body, "completion_tokens_details", "reasoning_tokens", usage.reasoning_tokens)
    return body


def _detail(body: Dict[str, Any], member: str, name: str, count: Optional[int]) -> None:
    if count is not None:
        others = body.get(member)
        body[member] = {**(others if isinstance(others, Mapping) else {}), name: count}
