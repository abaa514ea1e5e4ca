"""The items of an answer: a message, the model's reasoning, a call of a function."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Type, TypeVar

from .parts import Arguments, Event, Part

P = TypeVar("P", bound=Part)


class Item:
    """One item.

    :param stream_id: the ID of the answer's stream, which can't be guessed.
    :param index: its place in the answer.
    :ivar id: its ID. It tells whose answer's item it is.
    """

    prefix: str

    def __init__(self, stream_id: str, index: int) -> None:
        self.index = index
        self.id = f"{self.prefix}_{stream_id}_{index}"
        self.place: Dict[str, Any] = {"item_id": self.id, "output_index": index}

    def as_json(self, status: str) -> Dict[str, Any]:
        """The item as it is so far.

        :param status: ``in_progress``, ``completed`` or ``incomplete``.
        """
        raise NotImplementedError

    def opened(self) -> List[Event]:
        """The events of its beginning."""
        return [("response.output_item.added", self._told("in_progress"))]

    def closed(self, status: str) -> List[Event]:
        """The events of its end."""
        return [("response.output_item.done", self._told(status))]

    def _told(self, status: str) -> Dict[str, Any]:
        return {"output_index": self.index, "item": self.as_json(status)}


class InParts(Item):
    """An item whose parts come one after the other.

    :ivar open: the part that grows.
    """

    def __init__(self, stream_id: str, index: int) -> None:
        super().__init__(stream_id, index)
        self._parts: List[Part] = []
        self.open: Optional[Part] = None

    def part(self, kind: Type[P], events: List[Event]) -> P:
        """The open part, which is one of this kind. If it is another, that is closed, and a new
        part begins.

        :param events: gets the events of that.
        """
        if not isinstance(self.open, kind):
            events += self._closed_part()
            self.open = kind(self.place, len(self._parts))
            events += self.open.opened()
            self._parts.append(self.open)
        return self.open

    def closed(self, status: str) -> List[Event]:
        return [*self._closed_part(), *super().closed(status)]

    def _closed_part(self) -> List[Event]:
        part, self.open = self.open, None
        return [] if part is None else part.closed()


class Message(InParts):
    """What the model says."""

    prefix = "msg"

    def as_json(self, status: str) -> Dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [part.as_json() for part in self._parts],
        }


class Reasoning(InParts):
    """What the model thinks."""

    prefix = "rs"

    def as_json(self, status: str) -> Dict[str, Any]:
        summary = [part.as_json() for part in self._parts]
        return {"id": self.id, "type": "reasoning", "summary": summary}


class FunctionCall(Item):
    """A call of a function.

    :param call_id: the ID by which its output will name it.
    """

    prefix = "fc"

    def __init__(self, stream_id: str, index: int, call_id: str, name: str) -> None:
        super().__init__(stream_id, index)
        self._call_id, self._name = call_id, name
        self.arguments = Arguments(self.place)

    def as_json(self, status: str) -> Dict[str, Any]:
        return {
            "id": self.id,
            "type": "function_call",
            "status": status,
            "call_id": self._call_id,
            "name": self._name,
            "arguments": self.arguments.text,
        }

    def closed(self, status: str) -> List[Event]:
        ((kind, members),) = self.arguments.closed()
        return [(kind, {**members, "name": self._name}), *super().closed(status)]
