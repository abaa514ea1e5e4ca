"""The parts of an item: texts that grow. Each knows its events."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from ...sse.json import json_text

Event = Tuple[str, Dict[str, Any]]
"""The type of an event, and its members beside ``type`` and ``sequence_number``."""


class Growing:
    """A text that grows, fragment by fragment.

    :param place: the members that say where the text is.
    :cvar events: the type of its events, without ``.delta`` and ``.done``.
    :cvar member: the member for the whole text, in its last event and in its part.
    :cvar delta_members: more members of each ``.delta``.
    """

    events: str
    member = "text"
    delta_members: Mapping[str, Any] = {}

    def __init__(self, place: Mapping[str, Any]) -> None:
        self.place = dict(place)
        self.pieces: List[str] = []

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)

    def opened(self) -> List[Event]:
        """The events before the first fragment. Default: none."""
        return []

    def grown(self, fragment: str) -> Event:
        """The event of one fragment."""
        self.pieces.append(fragment)
        return f"{self.events}.delta", {**self.place, **self.delta_members, "delta": fragment}

    def closed(self) -> List[Event]:
        """The events behind the last fragment."""
        return [(f"{self.events}.done", {**self.place, self.member: self.text})]

    def delta_head(self) -> str:
        """An event of a fragment up to its number, which the fragment follows."""
        kind = f"{self.events}.delta"
        members = {**self.place, **self.delta_members}
        said = "".join(f',"{name}":{_as_json(value)}' for name, value in members.items())
        return f'event: {kind}\ndata: {{"type":"{kind}"{said},"sequence_number":'


def _as_json(value: Any) -> str:
    return json_text(value) if isinstance(value, str) else str(value)


class Part(Growing):
    """A part of an item, which has events of its own.

    :param index: its place in the item.
    :cvar part_events: the type of these events, without ``.added`` and ``.done``.
    :cvar index_name: the member for its place.
    :cvar kind: its ``type``.
    """

    part_events = "response.content_part"
    index_name = "content_index"
    kind: str

    def __init__(self, place: Mapping[str, Any], index: int) -> None:
        super().__init__({**place, self.index_name: index})

    def as_json(self) -> Dict[str, Any]:
        """The part as it is so far."""
        return {"type": self.kind, self.member: self.text}

    def opened(self) -> List[Event]:
        return [(f"{self.part_events}.added", {**self.place, "part": self.as_json()})]

    def closed(self) -> List[Event]:
        part = {**self.place, "part": self.as_json()}
        return [*super().closed(), (f"{self.part_events}.done", part)]


class SummaryPart(Part):
    """The text of the model's reasoning."""

    events, kind = "response.reasoning_summary_text", "summary_text"
    part_events, index_name = "response.reasoning_summary_part", "summary_index"


class RefusalPart(Part):
    """The text of the model's refusal."""

    events, kind, member = "response.refusal", "refusal", "refusal"


class TextPart(Part):
    """A text of the answer, with the notes on it and the log probabilities of its tokens."""

    events, kind = "response.output_text", "output_text"
    delta_members = {"logprobs": []}

    def __init__(self, place: Mapping[str, Any], index: int) -> None:
        super().__init__(place, index)
        self._annotations: List[Mapping[str, Any]] = []
        self._logprobs: List[Mapping[str, Any]] = []

    def as_json(self) -> Dict[str, Any]:
        notes = {"annotations": list(self._annotations), "logprobs": list(self._logprobs)}
        return {**super().as_json(), **notes}

    def weighed(self, fragment: str, logprobs: List[Dict[str, Any]]) -> Event:
        """The event of a fragment whose tokens have log probabilities."""
        self._logprobs += logprobs
        kind, members = self.grown(fragment)
        return kind, {**members, "logprobs": logprobs}

    def noted(self, annotation: Mapping[str, Any]) -> Event:
        """The event of a note on the text."""
        self._annotations.append(annotation)
        index = len(self._annotations) - 1
        told = {**self.place, "annotation_index": index, "annotation": annotation}
        return f"{self.events}.annotation.added", told

    def closed(self) -> List[Event]:
        (kind, members), *others = super().closed()
        return [(kind, {**members, "logprobs": list(self._logprobs)}), *others]


class Arguments(Growing):
    """The arguments of a call, a JSON text."""

    events, member = "response.function_call_arguments", "arguments"
