"""``DeltaReader``: the fields of a :class:`~flask_llmstream.deltas.Delta`, read from a choice.

Sources: OpenAI's reference, "The chat completion chunk object"; the members for reasoning of
DeepSeek (``reasoning_content``), OpenRouter and Groq (``reasoning``), Copilot (``reasoning_text``)
and Ollama (``thinking``).
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Set

from ...deltas import REASONING, Delta, ToolCallDelta, reasoning_delta
from ..upstream.members import object_in, others_in, says_something
from .content import read_content
from .tool_calls import ToolCalls

_REASONING = (REASONING, "reasoning", "reasoning_text", "thinking")
_READ = frozenset({"content", "refusal", "tool_calls"})


class DeltaReader:
    """Reads the choices of one answer, one after another.

    A choice has its news in ``delta``, or in ``text`` (legacy completions). Its ``message`` is the
    whole answer: what the deltas said is not said twice.

    :ivar calls: the calls of tools so far.
    :ivar chars: how many characters of text have come.
    :ivar last: the latest text.
    """

    def __init__(self) -> None:
        self.calls = ToolCalls()
        self.chars = 0
        self.last = ""
        self._said: Set[str] = set()
        self._has_deltas = False

    @property
    def has_said_anything(self) -> bool:
        """Whether there was more than empty members."""
        return bool(self.chars or self._said)

    def read(self, choice: Mapping[str, Any]) -> Dict[str, Any]:
        """The fields that say something.

        :raises ValueError: a member that every reader must see is unreadable; the message names
            it. Others are kept in ``extra`` as they came.
        """
        members = self._members(choice)
        fields = _fields(members, self.calls)
        text = fields.get("text", "")
        self.chars += len(text)
        self.last = text or self.last
        self._said.update(fields.keys() - {"extra"}, fields.get("extra", ()))
        return fields

    # What ``read`` would do with one text more in a choice that is else the same as the last one.

    def more_text(self, text: str) -> str:
        """The next text of the answer."""
        self.chars += len(text)
        self.last = text
        return text

    def more_reasoning(self, name: str, text: str) -> Delta:
        """The next text of the reasoning.

        :param name: the member that it is in.
        """
        return reasoning_delta(text, name)

    def more_arguments(self, index: int, text: str) -> Optional[Delta]:
        """The next text of a call's arguments; ``None`` if it may be a repetition of the call.

        :param index: the call's number.
        """
        if text.endswith("}"):
            return None
        self.calls.more_arguments(index, text)
        return Delta(tool_calls=(ToolCallDelta(index, arguments=text),))

    def _members(self, choice: Mapping[str, Any]) -> Dict[str, Any]:
        members = dict(object_in(choice, "delta"))
        if not says_something(members.get("content")) and says_something(choice.get("text")):
            members["content"] = choice["text"]
        said = {name: value for name, value in members.items() if says_something(value)}
        unsaid = self._unsaid(object_in(choice, "message"))
        self._has_deltas = self._has_deltas or bool(said)
        return {**unsaid, **said}

    def _unsaid(self, message: Mapping[str, Any]) -> Dict[str, Any]:
        """What a message has that was not said yet."""
        news = dict(message)
        if self.chars and message:
            news["content"] = self._rest_of(message.get("content"))
        if self._has_deltas and message:
            news["tool_calls"] = self.calls.unknown_in(message.get("tool_calls"))
            for name in message.keys() - {"content", "tool_calls"}:
                if ("reasoning" if name in _REASONING else name) in self._said:
                    del news[name]
        return news

    def _rest_of(self, content: Any) -> Any:
        """What a whole content has behind the text so far. A content that does not begin with
        that text is the next part of an answer in messages; behind deltas it is no news."""
        whole = read_content(content).text
        if whole[: self.chars].endswith(self.last) and len(whole) >= self.chars:
            return whole[self.chars :]
        return "" if self._has_deltas else content


def _fields(members: Mapping[str, Any], calls: ToolCalls) -> Dict[str, Any]:
    content = read_content(members.get("content"))
    extra = others_in(members, _READ)
    name = next((name for name in _REASONING if isinstance(extra.get(name), str)), REASONING)
    reasoning = extra.pop(name, "") if isinstance(extra.get(name), str) else ""
    fields = {
        "text": content.text,
        "reasoning": reasoning if content.reasoning in reasoning else content.reasoning + reasoning,
        "refusal": content.refusal + _refusal(members.get("refusal")),
        "tool_calls": calls.read(members.get("tool_calls")),
        "annotations": extra.pop("annotations") if _are_annotations(extra) else (),
        "extra": _with_parts(extra, content.others),
    }
    said = {field: value for field, value in fields.items() if value}
    if name != REASONING:
        said["reasoning_name"] = name
    return said


def _refusal(value: Any) -> str:
    if value is None or value is False:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"refusal: has to be text, not {type(value).__name__}")
    return value


def _are_annotations(extra: Mapping[str, Any]) -> bool:
    value = extra.get("annotations")
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _with_parts(extra: Dict[str, Any], parts: List[Any]) -> Dict[str, Any]:
    extra.pop("role", None)  # each format says that it is the assistant's, once
    # OpenAI's stored messages have their parts under this name.
    return {**extra, "content_parts": parts} if parts else extra
