"""``Delta``: a piece of an answer that says more than text. Standard library only, no I/O.

Source of the members: OpenAI's reference, "Chat Completions", "The chat completion chunk object".
"""

from __future__ import annotations

from collections.abc import Iterable as AnyIterable
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple, Union

from .merging import PIECES, Merged

_OTHER_MEMBERS = frozenset({"content", "refusal", "tool_calls", "annotations", "role"})

REASONING = "reasoning_content"
"""The member of a delta that most servers and clients know for reasoning. OpenAI has none."""


@dataclass(frozen=True)
class ToolCallDelta:
    """A fragment of one call of a tool, which the client is asked to run.

    :param index: the call's place in the answer, from 0. All fragments of a call have the same.
    :param id: the call's ID; the first fragment has it.
    :param name: the tool's name; the first fragment has it.
    :param arguments: the next characters of the arguments, a JSON text. ``None``: none are sent.
    :param type: the kind of the tool. Default: ``function`` with an ``id``, else it is not sent.
    :param extra: the fragment's other members, as the model's server sent them.
    :raises ValueError: ``index`` is no whole number from 0, a text is no text, or ``extra`` or its
        ``function`` is no mapping.
    """

    index: int = 0
    id: Optional[str] = None
    name: Optional[str] = None
    arguments: Optional[str] = None
    type: Optional[str] = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if type(self.index) is not int or self.index < 0:
            raise ValueError(f"index: has to be a whole number from 0, not {self.index!r}")
        for name in ("id", "name", "arguments", "type"):
            value = getattr(self, name)
            if value is not None:
                _check_text(name, value)
        _check_mapping("extra", self.extra)
        _check_mapping("extra['function']", self.extra.get("function", {}))

    def as_json(self) -> Dict[str, Any]:
        """The fragment in OpenAI's form. It leaves out the members that are ``None``."""
        body: Dict[str, Any] = {"index": self.index}
        if self.id is not None:
            body["id"] = self.id
        if self.type is not None or (self.id is not None and self._is_function()):
            body["type"] = self.type or "function"
        function = {"name": self.name, "arguments": self.arguments}
        said = {name: value for name, value in function.items() if value is not None}
        if said:
            body["function"] = {**self.extra.get("function", {}), **said}
        return {**self.extra, **body}

    def _is_function(self) -> bool:
        return self.name is not None or self.arguments is not None


@dataclass(frozen=True)
class Delta:
    """A piece of an answer that says more than text. Text alone is a plain ``str``.

    :param text: the next text of the answer.
    :param reasoning: the next text of the model's reasoning.
    :param refusal: the next text of the model's refusal, which it writes in place of an answer.
    :param tool_calls: fragments of calls of tools.
    :param logprobs: the log probabilities of the tokens of this piece, in OpenAI's form.
    :param annotations: the sources and other notes on the text, in OpenAI's form.
    :param extra: other members of the delta, as the model's server sent them.
    :param choice_extra: other members of the choice that the delta is in.
    :param chunk_extra: other members of the chunk that the choice is in.
    :param reasoning_name: the member for ``reasoning`` in OpenAI's form. Servers differ.
    :raises ValueError: a field has another type; the message names it.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: Tuple[ToolCallDelta, ...] = ()
    logprobs: Optional[Mapping[str, Any]] = field(default=None, hash=False)
    annotations: Tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    choice_extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    chunk_extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    reasoning_name: str = REASONING

    def __post_init__(self) -> None:
        for name in ("text", "reasoning", "refusal", "reasoning_name"):
            _check_text(name, getattr(self, name))
        if self.reasoning_name in _OTHER_MEMBERS:
            raise ValueError(f"reasoning_name: {self.reasoning_name!r} is another member's name")
        # A model that reasons gives a delta for each token, so what is not there is not looked at.
        if self.tool_calls != ():
            self._check_items("tool_calls", ToolCallDelta)
        if self.annotations != ():
            self._check_items("annotations", AnyMapping)
        if self.logprobs is not None:
            _check_mapping("logprobs", self.logprobs)
        for name in ("extra", "choice_extra", "chunk_extra"):
            _check_mapping(name, getattr(self, name))

    def _check_items(self, name: str, kind: type) -> None:
        object.__setattr__(self, name, _checked_tuple(name, getattr(self, name), kind))

    def __add__(self, other: Union[Delta, str]) -> Delta:
        """This delta and the next one as one, as :class:`DeltaSum` adds them."""
        total: Delta = _sum(self, other)
        return total

    def __radd__(self, other: Union[Delta, str]) -> Delta:
        total: Delta = _sum(other, self)
        return total

    @property
    def words(self) -> str:
        """The words for the reader: the text and the refusal."""
        return self.text + self.refusal

    def kinds(self) -> Iterator[str]:
        """The names of the fields that say something."""
        for name in ("text", "reasoning", "refusal", "tool_calls", "logprobs", "annotations"):
            if getattr(self, name):
                yield name
        if self.extra or self.choice_extra or self.chunk_extra:
            yield "extra"

    def as_json(self) -> Dict[str, Any]:
        """The ``delta`` object in OpenAI's form. The log probabilities are not part of it: they
        belong to the choice."""
        body: Dict[str, Any] = {
            "content": self.text,
            self.reasoning_name: self.reasoning,
            "refusal": self.refusal,
            "tool_calls": [call.as_json() for call in self.tool_calls],
            "annotations": list(self.annotations),
        }
        said = {name: value for name, value in body.items() if value}
        return {**self.extra, **said}


def reasoning_delta(text: str, name: str = REASONING) -> Delta:
    """``Delta(reasoning=text, reasoning_name=name)``, for two texts that are not looked at: a model
    that reasons gives one for each token."""
    delta = object.__new__(Delta)
    vars(delta).update(
        _NOTHING_SAID,
        reasoning=text,
        reasoning_name=name,
        extra={},
        choice_extra={},
        chunk_extra={},
    )
    return delta


class DeltaSum:
    """Adds up the deltas of an answer to one, in linear time, as
    :class:`~flask_llmstream.merging.Merged` does.

    Texts and lists are joined, and calls of tools by their index. What a server says of the choice
    or the chunk is no piece of a text: its last value counts.

    :ivar size: about the number of characters that it keeps.
    """

    def __init__(self) -> None:
        self.size = 0
        self._fields = {each.name: Merged(_PIECES.get(each.name, PIECES)) for each in fields(Delta)}

    def add(self, piece: Union[Delta, str]) -> None:
        """Add the next delta, or the next text.

        :raises ValueError: a value is nested too deeply.
        """
        if isinstance(piece, str):
            self._add("text", piece)
            return
        try:
            self._add_fields(piece)
        except RecursionError:
            raise ValueError("it is nested too deeply, or in itself") from None

    def _add_fields(self, piece: Delta) -> None:
        for name in piece.kinds():
            if name != "extra":
                self._add(name, getattr(piece, name))
        for name in ("extra", "choice_extra", "chunk_extra"):
            self._add(name, getattr(piece, name))
        if piece.reasoning:
            self._add("reasoning_name", piece.reasoning_name)

    def _add(self, name: str, value: Any) -> None:
        if name == "tool_calls":
            value = [vars(call) for call in value]
        self.size += self._fields[name].add(value)

    def total(self) -> Delta:
        """The sum of the deltas so far."""
        said = {name: merged.value for name, merged in self._fields.items()}
        calls = [ToolCallDelta(**call) for call in said.pop("tool_calls") or ()]
        said["tool_calls"] = sorted(calls, key=attrgetter("index"))
        return Delta(**{name: value for name, value in said.items() if value is not None})


_PIECES: Dict[str, Tuple[type, ...]] = {
    "logprobs": (list,),
    "choice_extra": (list,),
    "chunk_extra": (),
    "reasoning_name": (),
}
"""Which values come in pieces, where these are not both texts and lists."""


def _sum(*pieces: Any) -> Any:
    if not all(isinstance(piece, (Delta, str)) for piece in pieces):
        return NotImplemented
    total = DeltaSum()
    for piece in pieces:
        total.add(piece)
    return total.total()


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{name}: has to be text, not {type(value).__name__}")


def _check_mapping(name: str, value: Any) -> None:
    if value.__class__ is not dict and not isinstance(value, AnyMapping):
        raise ValueError(f"{name}: has to be a mapping, not {type(value).__name__}")


def _checked_tuple(name: str, value: Any, kind: type) -> Tuple[Any, ...]:
    if isinstance(value, (str, bytes, AnyMapping)) or not isinstance(value, AnyIterable):
        raise ValueError(f"{name}: has to be a list, not {type(value).__name__}")
    items = tuple(value)
    for item in items:
        if not isinstance(item, kind):
            raise ValueError(f"{name}: holds a {type(item).__name__}, wanted: {kind.__name__}")
    return items


_NOTHING_SAID = vars(Delta())
