"""``read_conversation``: the items of a request become the messages of a chat completion.

What the model said at one turn is one message there: a text and the calls behind it. Its reasoning
of the turn that goes on is part of the message, which models that reason between calls need. That
of earlier turns is left out.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Set

from ...deltas import REASONING
from ...errors import RequestError
from .. import checks
from ..fields import shown
from .parts import answer_of, content_of, thoughts_of

Message = Dict[str, Any]
Find = Callable[[str], Optional[Mapping[str, Any]]]
"""Finds an item of an earlier answer by its ID."""


def read_conversation(
    fields: Mapping[str, Any], find: Find, before: Iterable[Mapping[str, Any]] = ()
) -> Conversation:
    """The conversation of a request: its ``instructions``, the items before it, and its ``input``.

    :param find: finds the item that an ``item_reference`` names.
    :param before: the items of the conversation that it goes on from.
    :raises RequestError: an item can't be read; the error names its place.
    """
    conversation = Conversation(find)
    instructions = fields.get("instructions")
    if instructions is not None and checks.text("instructions", instructions):
        conversation.say("instructions", "system", instructions, content="instructions")
    for item in before:
        conversation.add("previous_response_id", item)
    asked = fields.get("input")
    if asked is None or asked == "" or asked == []:
        raise RequestError("give text, or a list of items", field="input")
    if isinstance(asked, str):
        conversation.say("input", "user", asked, content="input")
        conversation.items.append({"role": "user", "content": asked})
    else:
        for index, item in enumerate(checks.a_list("input", asked)):
            conversation.add(f"input[{index}]", item)
    return conversation


class Conversation:
    """The messages so far.

    :ivar messages: these messages, in the form of a chat completion.
    :ivar names: the request's names of places in these messages, by ours.
    :ivar items: the items that became these messages. None is a reference.
    """

    def __init__(self, find: Find) -> None:
        self.messages: List[Message] = []
        self.names: Dict[str, str] = {}
        self.items: List[Mapping[str, Any]] = []
        self._find = find
        self._named: Set[str] = set()  # the items that were named by their IDs
        self._thoughts = ""  # of the model, since it said or called anything
        self._thoughtful: List[Message] = []  # the messages of this turn that have thoughts

    def say(self, at: str, role: str, said: Any, **places: str) -> None:
        """Add a message of somebody else than the model. One of the user's begins a turn.

        :param at: the place of its item.
        :param places: the places of its members, where they are not the item's.
        """
        self._append({"role": role, "content": said}, at, **places)
        if role == "user":
            self._thoughts = ""
            while self._thoughtful:
                del self._thoughtful.pop()[REASONING]

    def add(self, at: str, item: Any) -> None:
        """Add an item.

        :param at: its place, for errors.
        """
        kind = _kind_of(checks.an_object(at, item))
        read = _READERS.get(kind) if isinstance(kind, str) else None
        if read is None:
            raise checks.unknown_kind(at, kind, "message, function_call and function_call_output")
        read(self, at, item)
        if kind != _REFERENCE:
            self.items.append(item)

    def _message(self, at: str, item: Mapping[str, Any]) -> None:
        role = checks.text(f"{at}.role", item.get("role"))
        if role == "assistant":
            self._answer(at, answer_of(f"{at}.content", item.get("content")))
        elif role in _ROLES:
            self.say(at, _ROLES[role], content_of(f"{at}.content", item.get("content")))
        else:
            known = "user, assistant, system and developer"
            raise RequestError(f"{shown(role)!r} is none of {known}", field=f"{at}.role")

    def _answer(self, at: str, said: Message) -> None:
        """A text of the model's. Behind a call that has no output yet it belongs to the call's
        message, because the output has to follow that message."""
        last = self._last_answer()
        if last is None or "tool_calls" not in last:
            self._begin(at, **said)
            return
        self._think(last)
        for name, text in said.items():
            if text:
                last[name] = (last.get(name) or "") + text

    def _call(self, at: str, item: Mapping[str, Any]) -> None:
        call = {
            "id": checks.word(f"{at}.call_id", item.get("call_id")),
            "type": "function",
            "function": {
                "name": checks.word(f"{at}.name", item.get("name")),
                "arguments": checks.text(f"{at}.arguments", item.get("arguments")),
            },
        }
        last = self._last_answer() or self._begin(at, content=None)
        self._think(last)
        calls = last.setdefault("tool_calls", [])
        place = f"messages[{len(self.messages) - 1}].tool_calls[{len(calls)}]"
        self.names.update({place: at, f"{place}.id": f"{at}.call_id", f"{place}.function": at})
        calls.append(call)

    def _begin(self, at: str, **said: Any) -> Message:
        """Add a message of the model's."""
        message = {"role": "assistant", **said}
        self._think(message)
        self._append(message, at)
        return message

    def _append(self, message: Message, at: str, **places: str) -> None:
        ours = f"messages[{len(self.messages)}]"
        self.names[ours] = at
        self.names.update({f"{ours}.{name}": place for name, place in places.items()})
        self.messages.append(message)

    def _think(self, message: Message) -> None:
        """Give a message of the model's the reasoning so far."""
        thoughts, self._thoughts = self._thoughts, ""
        if thoughts:
            if REASONING not in message:
                self._thoughtful.append(message)
            message[REASONING] = message.get(REASONING, "") + thoughts

    def _output(self, at: str, item: Mapping[str, Any]) -> None:
        call_id = checks.word(f"{at}.call_id", item.get("call_id"))
        said = item.get("output")
        content = "" if said == [] else content_of(f"{at}.output", said)
        message = {"role": "tool", "tool_call_id": call_id, "content": content}
        self._append(message, at, tool_call_id=f"{at}.call_id", content=f"{at}.output")

    def _reasoning(self, at: str, item: Mapping[str, Any]) -> None:
        self._thoughts += thoughts_of(at, item)

    def _reference(self, at: str, item: Mapping[str, Any]) -> None:
        item_id = checks.word(f"{at}.id", item.get("id"))
        if item_id in self._named:  # clients name a message once for each of its parts
            return
        self._named.add(item_id)
        found = self._find(item_id)
        if found is None:
            message = (
                f"the item {shown(item_id)!r} is not kept here, or no more; "
                "send the item itself, as clients do with store: false"
            )
            raise RequestError(message, field=f"{at}.id")
        self.add(at, found)

    def _last_answer(self) -> Optional[Message]:
        last = self.messages[-1] if self.messages else {}
        return last if last.get("role") == "assistant" else None


_REFERENCE = "item_reference"

_ROLES = {"user": "user", "system": "system", "developer": "system"}
"""The roles of a chat completion. Only OpenAI's own models know ``developer``, and they take
``system`` for it."""

_READERS: Mapping[str, Callable[[Conversation, str, Mapping[str, Any]], None]] = {
    "message": Conversation._message,
    "function_call": Conversation._call,
    "function_call_output": Conversation._output,
    "reasoning": Conversation._reasoning,
    _REFERENCE: Conversation._reference,
}


def _kind_of(item: Mapping[str, Any]) -> Any:
    """The type of an item. Two need not say theirs: a message, which has a role, and a
    reference."""
    kind = item.get("type")
    if kind is None:
        return _REFERENCE if "id" in item and "role" not in item else "message"
    return kind
