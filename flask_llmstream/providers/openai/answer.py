"""``Answer``: one answer in OpenAI's form as it comes, part by part.

Most parts differ from the part before only by their text. Such a part costs one comparison, and
becomes a ``str``. All else becomes a :class:`~flask_llmstream.deltas.Delta`.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple, Union

from ...deltas import Delta
from ...records import Usage
from ..base import Piece
from .chunk import choices_in, others_in, says_something, word_in
from .delta import DeltaReader
from .failure import failure_in, is_part, tells_failure
from .usage import counts_in, merged, usage_of

_PART = frozenset({
    "id", "object", "created", "model", "choices", "usage", "obfuscation", "error",
})  # fmt: skip
_CHOICE = frozenset({"index", "delta", "message", "text", "finish_reason", "usage", "error"})


class Answer:
    """Reads the parts of one answer.

    :ivar finish_reason: why the model stopped; ``None`` before its server says so.
    :ivar failure: the server's error, in the server's own form; ``None`` without one.
    """

    def __init__(self) -> None:
        self.finish_reason: Optional[str] = None
        self.failure: Any = None
        self._counts: Dict[str, Any] = {}
        self._reader = DeltaReader()
        self._plain: Any = None
        self._said_of_choice: Dict[str, Any] = {}
        self._said_of_part: Dict[str, Any] = {}

    @property
    def has_said_anything(self) -> bool:
        """Whether the model has said anything, or why it stopped."""
        return self.finish_reason is not None or self._reader.has_said_anything

    @property
    def breaks_off(self) -> bool:
        """Whether it stops inside a call of a tool, and nobody has said why."""
        return self.finish_reason is None and self._reader.calls.is_open

    @property
    def usage(self) -> Usage:
        """What the answer cost."""
        reason = self.finish_reason or ("tool_calls" if len(self._reader.calls) else "stop")
        return usage_of(self._counts, reason)

    def read(self, part: Any) -> Union[str, Tuple[Piece, ...]]:
        """The next text of the answer, or the next pieces; ``""`` if the part says nothing.

        :param part: the value of the part's JSON. It is changed.
        :raises ValueError: it is no part of an answer; the message names the member.
        """
        try:
            (choice,) = part["choices"]
            holder, name = (choice["delta"], "content") if "delta" in choice else (choice, "text")
            text = holder.pop(name)
        except (AttributeError, KeyError, TypeError, ValueError):
            return self._read(part)
        part.pop("created", None)  # servers with a clock in each part,
        part.pop("obfuscation", None)  # and OpenAI with noise
        if part == self._plain and text.__class__ is str:
            reader = self._reader
            reader.chars += len(text)
            reader.last = text
            return text
        holder[name] = text
        news = self._read(part)
        if news and news is text and self.finish_reason is None and self.failure is None:
            del holder[name]
            self._plain = part
        return news

    def _read(self, part: Any) -> Union[str, Tuple[Piece, ...]]:
        self.failure = failure_in(part)
        try:
            return self._news(part)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        except ValueError:
            if self.failure is None:
                raise
            return ""

    def _news(self, part: Any) -> Union[str, Tuple[Piece, ...]]:
        if part is None or part == "":
            return ""
        if not isinstance(part, dict):
            raise ValueError(f"a part has to be an object, not {type(part).__name__}")
        first, *others = choices_in(part)
        if not first and not is_part(part):
            return ""
        news = self._news_of(part, first)
        for choice in others:
            news = (*_pieces(news), *_pieces(self._news_of(part, choice)))
        return news

    def _news_of(
        self, part: Mapping[str, Any], choice: Mapping[str, Any]
    ) -> Union[str, Tuple[Piece, ...]]:
        self._counts = merged(self._counts, counts_in(part, choice))
        self._take_reason(word_in(choice.get("finish_reason")))
        fields = {
            **self._reader.read(choice),
            **_logprobs(choice),
            "choice_extra": self._news_of_choice(choice),
            "chunk_extra": _changed(self._said_of_part, others_in(part, _PART)),
        }
        said = {name: value for name, value in fields.items() if value}
        return _as_pieces(said)

    def _take_reason(self, word: Optional[str]) -> None:
        if word is None:
            return
        if self.finish_reason is None or word.lower() != "stop":  # it says nothing more
            self.finish_reason = word
        if self.failure is None and tells_failure(word):
            self.failure = {"message": f"finish_reason {word}", "type": word}

    def _news_of_choice(self, choice: Mapping[str, Any]) -> Dict[str, Any]:
        """Members of the choice that have not come yet. A list belongs to the tokens of its part
        (``token_ids``), and is news each time."""
        others = others_in(choice, _CHOICE)
        if isinstance(others.get("logprobs"), dict):
            del others["logprobs"]
        lists = {name: value for name, value in others.items() if isinstance(value, list)}
        return {**_changed(self._said_of_choice, others), **lists}


def _as_pieces(said: Dict[str, Any]) -> Union[str, Tuple[Piece, ...]]:
    """Pieces with these fields. Text stays a ``str``, for code that joins only such, unless the log
    probabilities of its tokens are beside it. Calls of tools come behind it."""
    text: str = "" if "logprobs" in said else said.pop("text", "")
    if not said:
        return text
    if not text:
        return (Delta(**said),)
    return (text, Delta(**said)) if "tool_calls" in said else (Delta(**said), text)


def _pieces(news: Union[str, Tuple[Piece, ...]]) -> Tuple[Piece, ...]:
    if isinstance(news, str):
        return (news,) if news else ()
    return news


def _logprobs(choice: Mapping[str, Any]) -> Dict[str, Any]:
    value = choice.get("logprobs")
    is_said = isinstance(value, dict) and any(map(says_something, value.values()))
    return {"logprobs": value} if is_said else {}


def _changed(said: Dict[str, Any], members: Dict[str, Any]) -> Dict[str, Any]:
    """The members whose values have changed."""
    news = {
        name: value for name, value in members.items() if name not in said or said[name] != value
    }
    said.update(news)
    return news
