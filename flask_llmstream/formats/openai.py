"""OpenAI's chat completions: chunks that end with ``[DONE]``, or one object for all."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any, Dict, List, Optional

from ..errors import StreamError
from ..records import Ending, ErrorInfo, Gap, Usage
from ..sse.event import ServerSentEvent
from ..sse.json import json_bytes, json_string
from .base import EventStreamFormat, Format
from .unsendable import unsendable

_SENDABLE = "text or a ServerSentEvent"


class ChatCompletionChunks(EventStreamFormat):
    """``chat.completion.chunk`` events: the answer to ``"stream": true``.

    :param model: the model's name in the request.
    :param include_usage: whether to send a chunk with the token counts before the end. Default:
        no.
    :param has_ids: whether the first and the last event carry the stream's IDs, for an
        ``EventSource``. Default: no, because OpenAI's Python client takes a heartbeat for an
        event once it has seen an ID.
    """

    def __init__(self, model: str, include_usage: bool = False, has_ids: bool = False) -> None:
        self._model = model
        self._created = int(time.time())
        self._include_usage = include_usage
        self._has_ids = has_ids

    @cached_property
    def _envelope(self) -> Dict[str, Any]:
        name = f"chatcmpl-{self.stream_id}"
        return envelope("chat.completion.chunk", name, self._model, self._created)

    @cached_property
    def _head(self) -> bytes:
        return self._around_text[0]

    @cached_property
    def _tail(self) -> bytes:
        return self._around_text[1]

    @cached_property
    def _around_text(self) -> List[bytes]:
        return self._chunk({"content": ""}, None).rsplit(b'""', 1)

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        role = {"role": "assistant", "content": ""}
        return super().opening(comment, None) + self._chunk(role, None, event_id)

    def item(self, item: Any) -> bytes:
        if isinstance(item, str):
            return self._head + json_string(item) + self._tail
        if isinstance(item, ServerSentEvent):  # no chunk can hold it; clients ignore comments
            return ServerSentEvent(comment=item.event or "").encode()
        raise unsendable(item, _SENDABLE)

    def gap(self, gap: Gap) -> bytes:
        return ServerSentEvent(comment=f"gap {json_bytes(gap.as_json()).decode()}").encode()

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        last = self._chunk({}, _finish_reason(ending))
        if self._include_usage:
            counts = dict(self._envelope, choices=[], usage=_usage(ending.usage))
            last += ServerSentEvent(counts).encode()
        return last + self._done(event_id)

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        return ServerSentEvent({"error": failure.as_json()}).encode() + self._done(event_id)

    def _done(self, event_id: Optional[str]) -> bytes:
        return self._event("[DONE]", event_id)

    def _chunk(
        self, delta: Dict[str, str], finish_reason: Optional[str], event_id: Optional[str] = None
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return self._event(dict(self._envelope, choices=[choice]), event_id)

    def _event(self, data: Any, event_id: Optional[str]) -> bytes:
        return ServerSentEvent(data, id=event_id if self._has_ids else None).encode()


MAX_WHOLE_CHARS = 10_000_000
"""The most characters of an answer that is sent whole."""


class ChatCompletion(Format):
    """One ``chat.completion`` object, sent when the answer is complete.

    An answer of more than :data:`MAX_WHOLE_CHARS` characters fails with ``answer_too_large``.

    :param model: the model's name in the request.
    """

    content_type = "application/json"
    is_whole = True

    def __init__(self, model: str) -> None:
        self._model = model
        self._created = int(time.time())
        self._deltas: List[str] = []
        self._room = MAX_WHOLE_CHARS

    def item(self, item: Any) -> bytes:
        if isinstance(item, str):
            self._collect(item)
        elif not isinstance(item, ServerSentEvent):
            raise unsendable(item, _SENDABLE)
        return b""

    def _collect(self, delta: str) -> None:
        self._deltas.append(delta)
        self._room -= len(delta)
        if self._room < 0:
            message = "The answer is too long to be sent whole. Ask for it with stream: true."
            raise StreamError(message, code="answer_too_large", status=502)

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        message = {"role": "assistant", "content": "".join(self._deltas)}
        finish_reason = _finish_reason(ending)
        choice = {"index": 0, "message": message, "finish_reason": finish_reason}
        name = f"chatcmpl-{self.stream_id}"
        body = envelope("chat.completion", name, self._model, self._created)
        return json_bytes(dict(body, choices=[choice], usage=_usage(ending.usage)))

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        return json_bytes({"error": failure.as_json()})


def envelope(kind: str, name: str, model: str, created: int) -> Dict[str, Any]:
    """The members that come before the choices.

    :param kind: the ``object``.
    :param name: the ``id``.
    :param created: the Unix time of the request.
    """
    return {"id": name, "object": kind, "created": created, "model": model}


def _finish_reason(ending: Ending) -> str:
    if ending.reason != "complete":
        return ending.reason
    return "stop" if ending.usage is None else ending.usage.finish_reason


def _usage(usage: Optional[Usage]) -> Dict[str, int]:
    prompt = (usage and usage.prompt_tokens) or 0
    completion = (usage and usage.completion_tokens) or 0
    total = prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
