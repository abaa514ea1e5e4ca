"""``UIMessageFormat``: the chunks of an answer, as the AI SDK's ``useChat`` reads them.

data: {"type":"text-delta","id":"text-1","delta":"Hello"}

Source: AI SDK, "Stream Protocols", "Data Stream Protocol". Its versions 5, 6 and 7 read these
chunks, 5 from 5.0.92 on.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Dict, Iterable, Mapping, Optional, Set, Tuple

from ...deltas import Delta
from ...records import Ending, ErrorInfo, Gap
from ...sse.event import ServerSentEvent
from ...sse.json import json_text, quoted
from ..base import EventStreamFormat, id_line
from ..texts import NO_HEAD, ShowsDeltas
from .chunks import CUT, chunk, failure_as_text, finish_reason_of, usage_object
from .own_parts import answers_call, ends_calls, own_part, part_of_event, stands_alone
from .sources import source_chunk
from .tool_inputs import ToolInputs

_DONE = ServerSentEvent("[DONE]").encode()


class UIMessageFormat(ShowsDeltas, EventStreamFormat):
    """Text, reasoning, calls of tools, sources and parts of one's own as chunks up to ``[DONE]``.

    Text and reasoning come in blocks. A block ends where the other kind, a call or a part of one's
    own begins.

    :param event: not used: chunks have a type of their own.
    :param names_message: whether the message gets the stream's ID. Default: no. The page gives a
        new message its ID, and a message that goes on keeps the one it has.
    :param taken_ids: the IDs of calls that the message has already.
    :param chat_id: the ID of its chat, by which ``useChat`` finds an answer that can be resumed.
        Default: none.
    """

    unshown = ("logprobs", "extra")
    may_be_plain = True
    headers = MappingProxyType({"x-vercel-ai-ui-message-stream": "v1"})
    early_failure = staticmethod(failure_as_text)

    def __init__(
        self,
        event: Optional[str] = None,
        names_message: bool = False,
        taken_ids: Iterable[str] = (),
        chat_id: str = "",
    ) -> None:
        super().__init__()
        self.alias = chat_id
        self._names_message = names_message
        self._inputs = ToolInputs(taken_ids)
        self._block: Optional[str] = None  # the kind of the block that is open
        self._blocks = self._sources = 0
        self._calls_tools = False
        self._shown_parts: Set[Tuple[str, str]] = set()

    @property
    def _whole_head(self) -> str:  # type: ignore[override]
        """What stands before a text. No head: no text is open, and the next one opens it."""
        return self._piece_head() if self._block == "text" else NO_HEAD

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        """The comment and the ID, before the chunk that begins the message."""
        named = {"messageId": self.stream_id} if self._names_message else {}
        begun = chunk("start", **named) + chunk("start-step")
        return super().opening(comment, None) + id_line(event_id) + begun

    def item(self, item: Any) -> bytes:
        if item.__class__ is str:
            try:
                if item.isascii() or item.isprintable():  # no line separator is either of the two
                    return f"{self._head}{quoted(item)}}}\n\n".encode()
                return f"{self._head}{json_text(item)}}}\n\n".encode()
            except UnicodeEncodeError:
                return self._mended(item)
        if isinstance(item, str):
            return self.text(item)
        if isinstance(item, Delta):
            return self.delta(item)
        if isinstance(item, ServerSentEvent):
            return self.event(item)
        part = own_part(item)
        if part is not None:
            return self._part(part)
        data = self.json_item(item)
        return self._close() + b'data: {"type":"data-item","data":' + data + b"}\n\n"

    def event(self, event: ServerSentEvent) -> bytes:
        """An event as a data part: ``data-`` and the event's type."""
        if event.data is None:
            return super().event(replace(event, event=None))
        part = part_of_event(event)
        frame = super().event(replace(event, event=None, data=part))
        return self._before(part) + frame

    def _part(self, part: Dict[str, Any]) -> bytes:
        if answers_call(part):
            part["toolCallId"] = self._inputs.shown_id(part["toolCallId"])
        data = self.as_json(part)  # where it can't be sent, the text goes on
        return self._before(part) + b"data: " + data + b"\n\n"

    def text(self, text: str) -> bytes:
        return self._mended(text)

    def _written(self, text: str) -> bytes:
        if not text:
            return b""
        opened = self._open("text")
        return opened + f"{self._piece_head()}{json_text(text)}}}\n\n".encode()

    def _shown(self, delta: Delta) -> bytes:
        calls = self._calls(delta)  # first, because they may be too long
        reasoning = self._reasoning(delta.reasoning) if delta.reasoning else b""
        words = self._written(delta.words)
        self._mark()
        if calls is not None:
            words += self._close() + calls
        return reasoning + words + self._cited(delta)

    def _reasoning(self, text: str) -> bytes:
        opened = self._open("reasoning")
        return opened + f"{self._piece_head()}{json_text(text)}}}\n\n".encode()

    def _calls(self, delta: Delta) -> Optional[bytes]:
        """The fragments of calls; ``None`` where there are none."""
        functions = [each for each in delta.tool_calls if self._inputs.reads(each)]
        if len(functions) < len(delta.tool_calls):
            self.leave_out(["tool_calls"])
        if not functions:
            return None
        self._calls_tools = True
        return b"".join([self._inputs.fragment(each, self.stream_id) for each in functions])

    def _cited(self, delta: Delta) -> bytes:
        written = b""
        for annotation in delta.annotations:
            cited = source_chunk(annotation, f"source-{self.stream_id}-{self._sources + 1}")
            if cited is None:
                self.leave_out(["annotations"])
                continue
            self._sources += 1
            written += cited
        return written

    # Blocks and steps.

    def _piece_head(self) -> str:
        return f'data: {{"type":"{self._block}-delta","id":"{self._block}-{self._blocks}","delta":'

    def _open(self, kind: str) -> bytes:
        """Open a block of this kind, if none is open."""
        if self._block == kind:
            return b""
        closed = self._close()
        self._block = kind
        self._blocks += 1
        return closed + chunk(f"{kind}-start", id=f"{kind}-{self._blocks}")

    def _close(self) -> bytes:
        """Close the block that is open."""
        kind, self._block = self._block, None
        self._head = NO_HEAD
        return b"" if kind is None else chunk(f"{kind}-end", id=f"{kind}-{self._blocks}")

    def _before(self, part: Mapping[str, Any]) -> bytes:
        """What comes before a part of the application's own."""
        before = b""
        if stands_alone(part) and not self._is_shown(part):
            before = self._close()
        if ends_calls(part):
            before += self._whole_calls()
        if part["type"] == "start-step":
            self._calls_tools = False
            before += chunk("finish-step")
        return before

    def _is_shown(self, part: Mapping[str, Any]) -> bool:
        """Whether the part replaces an earlier one, at the place of that."""
        name = (part["type"], part.get("id", ""))
        if "id" in part and name in self._shown_parts:
            return True
        self._shown_parts.add(name)
        return False

    def _whole_calls(self, no_arguments: str = "{}") -> bytes:
        before = self.rest() + self._close() if self._inputs else b""
        return before + self._inputs.whole(no_arguments)

    # The end.

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        if ending.reason != "complete":
            return self._close() + id_line(event_id) + chunk("abort") + _DONE
        reason = finish_reason_of(ending, self._calls_tools)
        calls = self._whole_calls("" if reason in CUT else "{}")
        step = self._close() + calls + chunk("finish-step")
        told = {} if ending.usage is None else usage_object(ending.usage)
        metadata = {"messageMetadata": {"usage": told}} if told else {}
        finish = chunk("finish", finishReason=reason, **metadata)
        return step + id_line(event_id) + finish + _DONE

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        error = chunk("error", errorText=failure.message)
        return self._close() + id_line(event_id) + error + _DONE

    def reconnect_notice(self, failure: ErrorInfo) -> bytes:
        """The failure: a page does not come back to an answer by itself."""
        return self.failure(failure, None)

    def gap(self, gap: Gap) -> bytes:
        """A data part with the type ``data-gap``."""
        return self._close() + chunk("data-gap", data=gap.as_json())
