"""``ToolCalls``: the calls of tools in one answer, each fragment numbered and given its ID.

Source: OpenAI's reference, "The chat completion chunk object". Other servers leave ``index`` out
(Gemini, some of Ollama's), give all calls ``index`` 0 (Ollama, ollama/ollama#7881), count from 1
(LiteLLM, BerriAI/litellm#11407), repeat ``id`` and ``name`` in each fragment, or send
``arguments`` as an object.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, Dict, List, Optional, Set, Tuple

from ...deltas import ToolCallDelta
from ..upstream.members import others_in

_READ = frozenset({"index", "id", "type", "function", "name", "arguments"})

Texts = Dict[str, str]
"""``id``, ``type``, ``name`` and ``arguments`` of a fragment, as far as they say something."""


class _Call:
    """One call, and what it has said so far.

    :ivar ids: the IDs that the server has given it.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.ids: Set[str] = set()
        self.said: Dict[str, str] = {}
        self._arguments: List[str] = []

    @property
    def is_open(self) -> bool:
        """Whether the arguments have begun as an object and lack their end."""
        has_begun = bool(self._arguments) and self._arguments[0].lstrip().startswith("{")
        return has_begun and self._whole_arguments() is None

    def ends_before(self, texts: Texts) -> bool:
        """Whether a fragment that could be of this call begins another one."""
        if "name" not in texts or "name" not in self.said:
            return False
        if self.ids and texts.get("id", "") not in {"", *self.ids}:
            return True
        if texts["name"] != self.said["name"]:
            return self._whole_arguments() is not None
        other = _object_in(texts.get("arguments", ""))
        return other is not None and self._whole_arguments() not in (None, other)

    def goes_on_with(self, texts: Texts) -> bool:
        """Whether a fragment with a new ID, or with the name again, is of this call all the same:
        the arguments so far lack their end."""
        is_named = "name" in texts
        if is_named and ("id" in texts or texts["name"] != self.said.get("name")):
            return False
        return self.is_open and "arguments" in texts

    def is_repeated_by(self, texts: Texts) -> bool:
        """Whether a fragment repeats the whole call: nothing goes on behind a whole object."""
        other = _object_in(texts.get("arguments", ""))
        return other is not None and self._whole_arguments() == other

    def is_told_by(self, texts: Texts) -> bool:
        """Whether a call of a whole message is this one, by its ID or else by all it says."""
        if texts.get("id") in self.ids:
            return True
        mine = self._whole_arguments() or "".join(self._arguments)
        other = _object_in(texts.get("arguments", "")) or texts.get("arguments", "")
        return (self.said.get("name"), mine) == (texts.get("name"), other)

    def news(self, texts: Texts) -> Dict[str, str]:
        """What a fragment adds. The first one always has an ID, which the tool's answer must name;
        with a name it has arguments, be they empty."""
        news = {name: text for name, text in texts.items() if self.said.get(name) != text}
        if self.said:
            news.pop("id", None)
        else:
            news.setdefault("id", f"call_{secrets.token_hex(12)}")
            if "name" in news:
                news.setdefault("arguments", "")
        self.said = {**news, **self.said}
        self.go_on(self.said.pop("arguments", ""))
        return news

    def go_on(self, arguments: str) -> None:
        """Take more of the arguments."""
        if arguments.strip():
            self._arguments.append(arguments)

    def _whole_arguments(self) -> Any:
        is_closed = self._arguments and self._arguments[-1].rstrip().endswith("}")
        return _object_in("".join(self._arguments)) if is_closed else None


class ToolCalls:
    """Reads the ``tool_calls`` of each delta of one answer.

    The calls are numbered from 0 as they begin: clients use ``index`` as a place in a list. By the
    server's own index, fragments only find their call.
    """

    def __init__(self) -> None:
        self._calls: List[_Call] = []
        self._told: Dict[int, List[_Call]] = {}
        self._by_id: Dict[Tuple[Optional[int], str], _Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def is_open(self) -> bool:
        """Whether the latest call lacks its end."""
        return bool(self._calls) and self._calls[-1].is_open

    def read(self, fragments: Any) -> Tuple[ToolCallDelta, ...]:
        """The fragments, in OpenAI's form. One that repeats what was said is left out.

        :param fragments: the ``tool_calls`` of a delta or a message.
        :raises ValueError: they are none; the message names the member.
        """
        read = []
        listed = _listed(fragments)
        for place, fragment in enumerate(listed):
            texts, extra = _members(fragment)
            if not texts and not extra:
                continue
            told = _index(fragment.get("index"))
            call = self._call_of(texts, told, place if len(listed) > 1 else -1)
            self._learn_id(call, told, texts.get("id"))
            news = {} if call.is_repeated_by(texts) else call.news(texts)
            if news or extra:
                read.append(ToolCallDelta(call.index, extra=extra, **news))
        return tuple(read)

    def more_arguments(self, index: int, text: str) -> None:
        """Take more of one call's arguments.

        :param index: the call's number, from 0.
        """
        self._calls[index].go_on(text)

    def unknown_in(self, fragments: Any) -> List[Any]:
        """The calls that have not come yet. A message repeats those of the deltas."""
        left, unknown = list(self._calls), []
        for each in _listed(fragments):
            texts, _ = _members(each)
            known = next((call for call in left if call.is_told_by(texts)), None)
            if known is None:
                unknown.append(each)
            else:
                left.remove(known)
        return unknown

    def _call_of(self, texts: Texts, told: Optional[int], place: int) -> _Call:
        """The call that a fragment belongs to.

        :param place: its place in its list; -1 if it is alone there.
        """
        near = self._calls if told is None else self._told.get(told, [])
        call = self._by_id.get((told, texts.get("id", "")))
        if call is None and near and (told is not None or not texts.keys() & {"id", "name"}):
            call = near[place] if told is None and place < len(near) else near[-1]
        if call is None and near and near[-1].goes_on_with(texts):
            call = near[-1]
        if call is None or call.ends_before(texts):
            call = self._new_call(told)
        return call

    def _new_call(self, told: Optional[int]) -> _Call:
        call = _Call(len(self._calls))
        self._calls.append(call)
        if told is not None:
            self._told.setdefault(told, []).append(call)
        return call

    def _learn_id(self, call: _Call, told: Optional[int], name: Optional[str]) -> None:
        if name is not None:
            call.ids.add(name)
            self._by_id.setdefault((told, name), call)
            self._by_id.setdefault((None, name), call)


def _listed(fragments: Any) -> List[Any]:
    if fragments is None:
        return []
    if isinstance(fragments, dict):  # one call, without its list
        fragments = [fragments]
    if not isinstance(fragments, list):
        raise ValueError(f"tool_calls: has to be a list, not {type(fragments).__name__}")
    return [fragment for fragment in fragments if fragment not in (None, {})]


def _index(value: Any) -> Optional[int]:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def _members(fragment: Any) -> Tuple[Texts, Dict[str, Any]]:
    """The texts of a fragment, and its other members."""
    if not isinstance(fragment, dict):
        raise ValueError(f"tool_calls: a call has to be an object, not {type(fragment).__name__}")
    function = fragment.get("function")
    if function is not None and not isinstance(function, dict):
        raise ValueError(f"function: has to be an object, not {type(function).__name__}")
    inside = fragment if function is None else function
    texts = {name: _text(name, fragment.get(name)) for name in ("id", "type")}
    texts["name"] = _text("name", inside.get("name"))
    texts["arguments"] = _arguments(inside.get("arguments"))
    extra = others_in(fragment, _READ)
    of_function = others_in(function or {}, _READ)
    if of_function:
        extra["function"] = of_function
    return {name: text for name, text in texts.items() if text}, extra


def _text(name: str, value: Any) -> str:
    if type(value) is int:  # an ID that was counted
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name}: has to be text, not {type(value).__name__}")
    return value or ""


def _arguments(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    raise ValueError(f"arguments: has to be text or an object, not {type(value).__name__}")


def _object_in(text: str) -> Any:
    """The object that the text is, as JSON; ``None`` if it is none."""
    try:
        value = json.loads(text) if text[-1:] == "}" else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
