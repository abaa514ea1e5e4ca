"""The messages of AG-UI as those of a chat completion.

Source: AG-UI 1.0, "Message". Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping

from ..errors import RequestError
from .ag_ui_parts import chat_content, checked_list, checked_object, checked_text
from .fields import shown

Message = Dict[str, Any]

_NOT_FOR_THE_MODEL = ("activity", "reasoning")
"""The roles whose messages are for the page. A model gets what was said, and not how it came."""


def chat_messages(value: Any) -> List[Message]:
    """The messages for the model.

    :raises RequestError: one can't be read; the error names it.
    """
    messages: List[Message] = []
    for index, given in enumerate(checked_list("messages", value)):
        at = f"messages[{index}]"
        message = checked_object(at, given)
        role = checked_text(f"{at}.role", message.get("role"))
        if role in _MADE:
            _append(messages, _MADE[role](at, message))
        elif role not in _NOT_FOR_THE_MODEL:
            known = ", ".join((*_MADE, *_NOT_FOR_THE_MODEL))
            raise RequestError(f"{shown(role)!r} is none of {known}", field=f"{at}.role")
    return messages


def with_context(messages: List[Message], value: Any) -> List[Message]:
    """The messages with the run's context, which is part of the first instructions.

    Many models take one message of instructions, and only as the first.

    :raises RequestError: the context can't be read; the error names it.
    """
    given = enumerate(checked_list("context", value))
    lines = [_context(f"context[{index}]", each) for index, each in given]
    if not lines or not messages:
        return messages
    context = "\n\n".join(["Context:", *lines])
    first = messages[0]
    if first["role"] in ("system", "developer") and isinstance(first["content"], str):
        return [{**first, "content": f"{first['content']}\n\n{context}"}, *messages[1:]]
    return [{"role": "system", "content": context}, *messages]


def _context(at: str, value: Any) -> str:
    entry = checked_object(at, value)
    description = checked_text(f"{at}.description", entry.get("description"), True)
    return f"{description}: {checked_text(f'{at}.value', entry.get('value'), True)}"


def _append(messages: List[Message], message: Message) -> None:
    """Append a message. One of the assistant's behind one with calls is a part of it: the results
    of the calls have to follow at once."""
    last = messages[-1] if messages else {}
    if message["role"] != "assistant" or not last.get("tool_calls"):
        messages.append(message)
        return
    texts = [each["content"] for each in (last, message) if each["content"]]
    calls = [*last["tool_calls"], *message.get("tool_calls", ())]
    messages[-1] = {**last, "content": "\n\n".join(texts) or None, "tool_calls": calls}


def _said(at: str, message: Mapping[str, Any]) -> Message:
    content = chat_content(f"{at}.content", message.get("content"))
    name = message.get("name")
    named = {} if name is None else {"name": checked_text(f"{at}.name", name)}
    return {"role": message["role"], "content": content, **named}


def _assistant(at: str, message: Mapping[str, Any]) -> Message:
    content, given = message.get("content"), message.get("toolCalls")
    if content is not None:
        content = checked_text(f"{at}.content", content, True)
    calls = enumerate(checked_list(f"{at}.toolCalls", given))
    made = [_call(f"{at}.toolCalls[{index}]", call) for index, call in calls]
    if not made:
        return {"role": "assistant", "content": content or ""}
    return {"role": "assistant", "content": content or None, "tool_calls": made}


def _call(at: str, value: Any) -> Dict[str, Any]:
    call = checked_object(at, value)
    function = checked_object(f"{at}.function", call.get("function"))
    arguments = function.get("arguments")
    return {
        "id": checked_text(f"{at}.id", call.get("id")),
        "type": "function",
        "function": {
            "name": checked_text(f"{at}.function.name", function.get("name")),
            "arguments": checked_text(f"{at}.function.arguments", arguments, True),
        },
    }


def _tool(at: str, message: Mapping[str, Any]) -> Message:
    content = chat_content(f"{at}.content", message.get("content"))
    answered = checked_text(f"{at}.toolCallId", message.get("toolCallId"))
    if message.get("error") is not None:
        content = _with_error(content, checked_text(f"{at}.error", message["error"], True))
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
