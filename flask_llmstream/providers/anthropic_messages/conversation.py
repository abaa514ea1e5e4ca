"""``conversation_of``: messages in OpenAI's form become the turns of the Messages API.

There a turn is the user's or the assistant's. The results of tools belong to the user's. Messages
of the system are no turns: they stand before all others. Standard library only, no I/O.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Tuple

from ...errors import RequestError
from ..upstream.part import parse_part
from .content import Block, blocks_of, text_block, without_blanks

_NO_ID = re.compile(r"[^a-zA-Z0-9_-]")
_OF_A_CALL = ("caller", "toolset_name", "cache_control")
"""The members of a call, beside OpenAI's, that the API wants back."""


class Conversation(NamedTuple):
    """A conversation in Anthropic's form.

    :ivar system: the text blocks of the system's messages.
    :ivar turns: the messages. Two in a row have different roles.
    """

    system: List[Block]
    turns: List[Dict[str, Any]]


def conversation_of(messages: Iterable[Mapping[str, Any]]) -> Conversation:
    """The conversation.

    :raises RequestError: a message can't be sent; the error names its place.
    """
    system: List[Block] = []
    turns: List[Dict[str, Any]] = []
    for index, message in enumerate(messages):
        role, blocks = _read(message, f"messages[{index}]")
        if role == "system":
            system += blocks
        elif turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    for turn in turns:
        turn["content"] = without_blanks(turn["content"]) or turn["content"]
    return Conversation(without_blanks(system), turns)


def _read(message: Any, at: str) -> Tuple[str, List[Block]]:
    if not isinstance(message, Mapping):
        raise RequestError("has to be an object", field=at)
    role = message.get("role")
    if not isinstance(role, str) or role not in _READERS:
        raise RequestError(f"this model knows {', '.join(_READERS)}", field=f"{at}.role")
    into, reader = _READERS[role]
    return into, reader(message, at)


def _content(message: Mapping[str, Any], at: str) -> List[Block]:
    return blocks_of(message.get("content"), f"{at}.content")


def _assistant(message: Mapping[str, Any], at: str) -> List[Block]:
    """What the model said: its thinking first, its calls of tools last, as it said them.

    Reasoning without a signature is left out: the API takes only what it has signed.
    """
    if message.get("function_call"):
        raise RequestError("this model knows tool_calls alone", field=f"{at}.function_call")
    blocks = [
        *_own_blocks(message, "thinking_blocks", at),
        *_own_blocks(message, "content_parts", at),
        *_content(message, at),
    ]
    if isinstance(message.get("refusal"), str):
        blocks.append(text_block(message["refusal"]))
    for index, call in enumerate(_listed(message, "tool_calls", at)):
        blocks.append(_tool_use(call, f"{at}.tool_calls[{index}]"))
    return without_blanks(blocks)


def _own_blocks(message: Mapping[str, Any], name: str, at: str) -> List[Block]:
    """The blocks that :class:`~.blocks.Block` has given, as they came."""
    listed = _listed(message, name, at)
    return [{key: block[key] for key in block if key != "index"} for block in listed]


def _listed(message: Mapping[str, Any], name: str, at: str) -> List[Mapping[str, Any]]:
    value = message.get(name)
    if value is None:
        return []
    if not isinstance(value, (list, tuple)) or not all(isinstance(it, Mapping) for it in value):
        raise RequestError("has to be a list of objects", field=f"{at}.{name}")
    return list(value)


def _tool_use(call: Mapping[str, Any], at: str) -> Block:
    function = call.get("function")
    if not isinstance(function, Mapping):
        raise RequestError("this model knows functions alone", field=f"{at}.function")
    if not isinstance(function.get("name"), str):
        raise RequestError("has to be text", field=f"{at}.function.name")
    arguments = _arguments(function.get("arguments"), f"{at}.function.arguments")
    others = {name: call[name] for name in _OF_A_CALL if call.get(name) is not None}
    use = {"id": _id(call.get("id"), f"{at}.id"), "name": function["name"], "input": arguments}
    return {"type": "tool_use", **use, **others}


def _arguments(value: Any, at: str) -> Mapping[str, Any]:
    """The arguments as an object. A call without any has no text."""
    read = value.strip() if isinstance(value, str) else value
    try:
        read = parse_part(read) if read and isinstance(read, str) else read or {}
    except ValueError:
        read = None
    if not isinstance(read, Mapping):
        raise RequestError("has to be a JSON object", field=at)
    return read


def _tool_result(message: Mapping[str, Any], at: str) -> List[Block]:
    result: Block = {
        "type": "tool_result",
        "tool_use_id": _id(message.get("tool_call_id"), f"{at}.tool_call_id"),
    }
    content = message.get("content")
    if content:
        is_text = isinstance(content, str)
        result["content"] = content if is_text else blocks_of(content, f"{at}.content")
    others = {name: message[name] for name in ("is_error", "cache_control") if message.get(name)}
    return [{**result, **others}]


def _id(value: Any, at: str) -> str:
    """An ID of a call, in the characters that the API takes. The call may be another model's."""
    if not isinstance(value, str) or not value:
        raise RequestError("has to be text", field=at)
    return _NO_ID.sub("_", value)


_READERS: Dict[str, Tuple[str, Callable[[Mapping[str, Any], str], List[Block]]]] = {
    "system": ("system", _content),
    "developer": ("system", _content),
    "user": ("user", _content),
    "assistant": ("assistant", _assistant),
    "tool": ("user", _tool_result),
}
"""The roles: whose turn each belongs to, and how its messages are read."""
