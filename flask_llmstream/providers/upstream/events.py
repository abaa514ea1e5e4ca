"""``events_of``: the events of a model's server, also those that are none by the standard."""

from __future__ import annotations

from itertools import chain
from typing import Iterable, Iterator, List

from ...sse.decoder import EventStreamDecoder, MessageEvent
from .part import is_whole


class _UpstreamDecoder(EventStreamDecoder):
    """Reads a field ``error`` (ggml-org/llama.cpp#16109), a line of JSON without a field (Ollama's
    errors), and a type without data, which may be ``error``, too."""

    def ignored(self, line: bytes, events: List[MessageEvent]) -> None:
        name, _, value = line.partition(b":")
        if name == b"error":
            events.append(MessageEvent("error", _text(value), ""))
        elif name == b"event":
            events.append(MessageEvent(_text(value), "", ""))
        elif line.strip()[:1] in (b"{", b"["):
            events.append(MessageEvent("message", _text(line), ""))


def events_of(blocks: Iterable[bytes], max_event_bytes: int) -> Iterator[MessageEvent]:
    """The events, as they come. The last one may lack its blank line, if its data are whole.

    :raises EventTooLarge: a line or an event is larger than ``max_event_bytes``.
    """
    return chain.from_iterable(_lists_of_events(blocks, max_event_bytes))


def _lists_of_events(blocks: Iterable[bytes], most: int) -> Iterator[List[MessageEvent]]:
    decoder = _UpstreamDecoder(most)
    for block in blocks:
        yield decoder.feed(block)
    last = decoder.feed(b"\n\n")
    yield [event for event in last if event.event != "message" or is_whole(event.data)]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip()
