"""``Answer``: one answer in OpenAI's form as it comes, part by part.

Text becomes a ``str``, all else a :class:`~flask_llmstream.deltas.Delta`.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

from ...deltas import Delta
from ...records import Usage
from ..base import Piece
from ..upstream.counts import merged
from ..upstream.in_band import failure_in, is_part, tells_failure
from ..upstream.members import others_in, says_something
from .chunk import choices_in, word_in
from .delta import DeltaReader
from .usage import counts_in, usage_of

_PART = frozenset({
    "id", "object", "created", "model", "choices", "usage", "obfuscation", "error",
})  # fmt: skip
_CHOICE = frozenset({"index", "delta", "message", "text", "finish_reason", "usage", "error"})


class Answer:
    """Reads the parts of one answer.

    :ivar finish_reason: why the model stopped; ``None`` before its server says so.
    :ivar failure: the server's error, in the server's own form; ``None`` without one.
    :ivar reader: reads the deltas.
    """

    def __init__(self) -> None:
        self.finish_reason: Optional[str] = None
        self.failure: Any = None
        self._counts: Dict[str, Any] = {}
        self.reader = DeltaReader()
        self._said_of_choice: Dict[str, Any] = {}
        self._said_of_part: Dict[str, Any] = {}

    @property
    def has_said_anything(self) -> bool:
        """Whether the model has said anything, or why it stopped."""
        return self.finish_reason is not None or self.reader.has_said_anything

    @property
    def breaks_off(self) -> bool:
        """Whether it stops inside a call of a tool, and nobody has said why."""
        return self.finish_reason is None and self.reader.calls.is_open

    @property
    def usage(self) -> Usage:
        """What the answer cost."""
        reason = self.finish_reason or ("tool_calls" if len(self.reader.calls) else "stop")
        return usage_of(self._counts, reason)

    def end_turn(self) -> None:
        """Read the parts that follow as the next answer's. Its calls of tools are numbered on."""
        self.finish_reason = None
        self._counts = {}

    def read(self, part: Any) -> Tuple[Piece, ...]:
        """The next pieces of the answer; none if the part says nothing.

        :param part: the value of the part's JSON.
        :raises ValueError: it is no part of an answer; the message names the member.
        """
        self.failure = failure_in(part)
        try:
            return self._news(part)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        except ValueError:
            if self.failure is None:
                raise
            return ()

    def _news(self, part: Any) -> Tuple[Piece, ...]:
        if part is None or part == "":
            return ()
        if not isinstance(part, dict):
            raise ValueError(f"a part has to be an object, not {type(part).__name__}")
        first, *others = choices_in(part)
        if not first and not is_part(part):
            return ()
        news = self._news_of(part, first)
        for choice in others:
            news += self._news_of(part, choice)
        return news

    def _news_of(self, part: Mapping[str, Any], choice: Mapping[str, Any]) -> Tuple[Piece, ...]:
        self._counts = merged(self._counts, counts_in(part, choice))
        self._take_reason(word_in(choice.get("finish_reason")))
        fields = {
            **self.reader.read(choice),
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


def _as_pieces(said: Dict[str, Any]) -> Tuple[Piece, ...]:
    """Pieces with these fields. Text stays a ``str``, for code that joins only such, unless the log
    probabilities of its tokens are beside it. Calls of tools come behind it."""
    text: str = "" if "logprobs" in said else said.pop("text", "")
    texts = (text,) if text else ()
    if not said:
        return texts
    return (*texts, Delta(**said)) if "tool_calls" in said else (Delta(**said), *texts)


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
