"""``conversation_of``: UI messages become the messages of a chat completion.

An assistant's message has all steps of one answer: what the model said, the tools that it called,
and what it said behind their results. Each step becomes one message of the assistant, and one of
each tool. Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

from ...errors import RequestError
from ..fields import json_type, shown
from .files import file_part
from .parts import Part, parts_of
from .tools import ToolPart, is_tool

_STEP, _STEERING = "step-start", "steering-message"

Told = Iterator[Tuple[Dict[str, Any], Dict[str, str]]]
"""Messages of a chat completion; with each, the client's name of it and of what is in it."""


class Conversation(NamedTuple):
    """A conversation in the form of a chat completion.

    :ivar messages: the messages.
    :ivar names: the client's names of the messages and of their parts, by ours.
    :ivar goes_on: whether the answer belongs to the last message, as behind the result of a tool.
    :ivar call_ids: the IDs of the calls in that message.
    """

    messages: List[Dict[str, Any]]
    names: Dict[str, str]
    goes_on: bool
    call_ids: List[str]


def conversation_of(value: Any, instructions: str = "") -> Conversation:
    """The conversation, behind the instructions.

    Parts for the page alone (``data-…``, ``source-…``) and unknown parts are skipped, and so is a
    call of a tool without a result: no model's server takes one.

    :raises RequestError: a message can't be read. The error names its place.
    """
    if not isinstance(value, list) or not value:
        raise RequestError("has to be a list of at least one message", field="messages")
    read = [_read(message, f"messages[{index}]") for index, message in enumerate(value)]
    first = [{"role": "system", "content": instructions}] if instructions else []
    messages: List[Dict[str, Any]] = [*first]
    names = dict.fromkeys(("messages[0]", "messages[0].content"), "system") if first else {}
    last_user = max((i for i, (_, role, _) in enumerate(read) if role == "user"), default=-1)
    for index, (at, role, parts) in enumerate(read):
        for message, named in _READERS[role](at, parts, index > last_user):
            place = f"messages[{len(messages)}]"
            names.update({place + inside: name for inside, name in named.items()})
            messages.append(message)
    if len(messages) == len(first):
        raise RequestError("there is nothing in them that a model reads", field="messages")
    _, role, parts = read[-1]
    goes_on = role == "assistant"
    ids = [part.text("toolCallId") for part in parts if is_tool(part)] if goes_on else []
    return Conversation(messages, names, goes_on, ids)


def _read(message: Any, at: str) -> Tuple[str, str, List[Part]]:
    if not isinstance(message, dict):
        raise RequestError(f"has to be an object, not {json_type(message)}", field=at)
    role = message.get("role")
    if not isinstance(role, str):
        raise RequestError(f"has to be text, not {json_type(role)}", field=f"{at}.role")
    if role not in _READERS:
        known = ", ".join(_READERS)
        raise RequestError(f"{shown(role)!r} is none of {known}", field=f"{at}.role")
    return at, role, parts_of(message.get("parts"), f"{at}.parts")


def _system(at: str, parts: List[Part], is_current: bool) -> Told:
    text = _joined(parts, "text")
    if text:
        yield {"role": "system", "content": text}, {"": at}


def _user(at: str, parts: List[Part], is_current: bool) -> Told:
    read = [part for part in parts if part.kind in ("text", "file")]
    content = [_content(part) for part in read]
    if content:
        is_text = len(content) == 1 and content[0]["type"] == "text"
        message = {"role": "user", "content": content[0]["text"] if is_text else content}
        names = {f".content[{index}]": part.at for index, part in enumerate(read)}
        yield message, {"": at, ".content": f"{at}.parts", **names}


def _content(part: Part) -> Dict[str, Any]:
    if part.kind == "file":
        return file_part(part)
    return {"type": "text", "text": part.text("text")}


def _assistant(at: str, parts: List[Part], is_current: bool) -> Told:
    step: List[Part] = []
    for part in parts:
        if part.kind in (_STEP, _STEERING):
            yield from _step(at, step, is_current)
            step = []
        if part.kind == _STEERING:  # of the user, to an agent at work
            inside = parts_of(part.members.get("parts"), f"{part.at}.parts")
            yield from _user(part.at, inside, is_current)
        else:
            step.append(part)
    yield from _step(at, step, is_current)


def _step(at: str, parts: List[Part], is_current: bool) -> Told:
    """The messages of one step. The reasoning behind the user's last message is sent back: models
    that reason between calls of tools need it, and no other."""
    text, reasoning = _joined(parts, "text"), _joined(parts, "reasoning")
    results = [(tool, tool.result()) for tool in map(ToolPart, filter(is_tool, parts))]
    answered = [(tool, result) for tool, result in results if result is not None]
    if not text and not answered:
        return
    message: Dict[str, Any] = {"role": "assistant", "content": text or None}
    if reasoning and is_current:
        message["reasoning_content"] = reasoning
    if answered:
        message["tool_calls"] = [tool.call() for tool, _ in answered]
    names = {f".tool_calls[{index}]": tool.at for index, (tool, _) in enumerate(answered)}
    yield message, {"": at, ".content": f"{at}.parts", **names}
    for tool, result in answered:
        yield {"role": "tool", "tool_call_id": tool.id, "content": result}, {"": tool.at}


def _joined(parts: List[Part], kind: str) -> str:
    return "".join([part.text("text") for part in parts if part.kind == kind])


_READERS: Dict[str, Callable[[str, List[Part], bool], Told]] = {
    "system": _system,
    "user": _user,
    "assistant": _assistant,
}
"""The roles, and how the messages of each are read."""
