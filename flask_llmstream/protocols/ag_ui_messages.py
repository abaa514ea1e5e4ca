"""The messages of AG-UI as those of a chat completion.

Source: AG-UI 1.0, "Message". Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple

from ..errors import RequestError
from . import checks
from .ag_ui_parts import chat_content
from .fields import shown

Message = Dict[str, Any]

_NOT_FOR_THE_MODEL = ("activity", "reasoning")
"""The roles whose messages are for the page. A model gets what was said, and not how it came."""


class Conversation(NamedTuple):
    """The messages for the model, and where they are in the input.

    :ivar places: the place of each message.
    :ivar calls: the places of the calls in each message.
    """

    messages: List[Message]
    places: List[str]
    calls: List[List[str]]

    def names(self) -> Dict[str, str]:
        """The input's names of places in these messages, by ours."""
        names: Dict[str, str] = {}
        for index, (place, calls) in enumerate(zip(self.places, self.calls)):
            ours = f"messages[{index}]"
            names[ours] = place
            names[f"{ours}.tool_call_id"] = f"{place}.toolCallId"
            names.update({f"{ours}.tool_calls[{at}]": call for at, call in enumerate(calls)})
        return names


def read_conversation(value: Any, context: Any) -> Conversation:
    """The conversation for the model. The run's context is part of the first instructions.

    :raises RequestError: a message or the context can't be read; the error names it.
    """
    told = Conversation([], [], [])
    for index, given in enumerate(checks.optional_list("messages", value)):
        at = f"messages[{index}]"
        message = checks.an_object(at, given)
        role = checks.word(f"{at}.role", message.get("role"))
        if role in _MADE:
            _append(told, _MADE[role](at, message), at)
        elif role not in _NOT_FOR_THE_MODEL:
            known = ", ".join((*_MADE, *_NOT_FOR_THE_MODEL))
            raise RequestError(f"{shown(role)!r} is none of {known}", field=f"{at}.role")
    _tell_context(told, context)
    return told


def _tell_context(told: Conversation, value: Any) -> None:
    """Many models take one message of instructions, and only as the first."""
    given = enumerate(checks.optional_list("context", value))
    lines = [_context(f"context[{index}]", each) for index, each in given]
    if not lines or not told.messages:
        return
    context, first = "\n\n".join(["Context:", *lines]), told.messages[0]
    if first["role"] in ("system", "developer") and isinstance(first["content"], str):
        told.messages[0] = {**first, "content": f"{first['content']}\n\n{context}"}
        return
    told.messages.insert(0, {"role": "system", "content": context})
    told.places.insert(0, "context")
    told.calls.insert(0, [])


def _context(at: str, value: Any) -> str:
    entry = checks.an_object(at, value)
    description = checks.text(f"{at}.description", entry.get("description"))
    return f"{description}: {checks.text(f'{at}.value', entry.get('value'))}"


def _append(told: Conversation, message: Message, at: str) -> None:
    """Append a message. One of the assistant's behind one with calls is a part of it: the results
    of the calls have to follow at once."""
    last = told.messages[-1] if told.messages else {}
    places = [f"{at}.toolCalls[{index}]" for index in range(len(message.get("tool_calls", ())))]
    if message["role"] != "assistant" or not last.get("tool_calls"):
        told.messages.append(message)
        told.places.append(at)
        told.calls.append(places)
        return
    texts = [each["content"] for each in (last, message) if each["content"]]
    calls = [*last["tool_calls"], *message.get("tool_calls", ())]
    told.messages[-1] = {**last, "content": "\n\n".join(texts) or None, "tool_calls": calls}
    told.calls[-1].extend(places)


def _said(at: str, message: Mapping[str, Any]) -> Message:
    content = chat_content(f"{at}.content", message.get("content"))
    name = message.get("name")
    named = {} if name is None else {"name": checks.word(f"{at}.name", name)}
    return {"role": message["role"], "content": content, **named}


def _assistant(at: str, message: Mapping[str, Any]) -> Message:
    content, given = message.get("content"), message.get("toolCalls")
    if content is not None:
        content = checks.text(f"{at}.content", content)
    calls = enumerate(checks.optional_list(f"{at}.toolCalls", given))
    made = [_call(f"{at}.toolCalls[{index}]", call) for index, call in calls]
    if not made:
        return {"role": "assistant", "content": content or ""}
    return {"role": "assistant", "content": content or None, "tool_calls": made}


def _call(at: str, value: Any) -> Dict[str, Any]:
    call = checks.an_object(at, value)
    function = checks.an_object(f"{at}.function", call.get("function"))
    arguments = function.get("arguments")
    return {
        "id": checks.word(f"{at}.id", call.get("id")),
        "type": "function",
        "function": {
            "name": checks.word(f"{at}.function.name", function.get("name")),
            "arguments": checks.text(f"{at}.function.arguments", arguments),
        },
    }


def _tool(at: str, message: Mapping[str, Any]) -> Message:
    content = chat_content(f"{at}.content", message.get("content"))
    answered = checks.word(f"{at}.toolCallId", message.get("toolCallId"))
    if message.get("error") is not None:
        content = _with_error(content, checks.text(f"{at}.error", message["error"]))
    return {"role": "tool", "tool_call_id": answered, "content": content}


def _with_error(content: Any, error: str) -> Any:
    """The result of a tool that failed. It may be a result in part."""
    told = f"Error: {error}"
    if isinstance(content, str):
        return f"{content}\n\n{told}" if content else told
    return [*content, {"type": "text", "text": told}]


_MADE: Dict[str, Callable[[str, Mapping[str, Any]], Message]] = {
    "user": _said,
    "system": _said,
    "developer": _said,
    "assistant": _assistant,
    "tool": _tool,
}
