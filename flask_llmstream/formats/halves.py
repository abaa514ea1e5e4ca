"""``Halves``: joins the two halves of a character that came in two pieces of an answer.

A character beyond U+FFFF, as most emoji are, has two halves in UTF-16. Servers that cut an answer
there send one half in each of two tokens. UTF-8 and strict JSON can't hold a half.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Hashable, Iterator

from ..deltas import Delta, ToolCallDelta
from ..sse.text import LONE, has_half, without_half

TEXT, REASONING, REFUSAL = "text", "reasoning", "refusal"


def _texts(delta: Delta) -> Iterator[str]:
    yield from (delta.text, delta.reasoning, delta.refusal)
    for call in delta.tool_calls:
        yield call.arguments or ""


class Halves:
    """The halves that wait, each for the next piece of its own text.

    It is true while a half waits. The texts of an answer are its text, its reasoning, its refusal,
    and the arguments of each call.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: Dict[Hashable, str] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def wait_for(self, text: Hashable) -> bool:
        """Whether a half waits for the next piece of this text."""
        return text in self._waiting

    def joined(self, piece: str, text: Hashable = TEXT) -> str:
        """A piece of a text, behind the half that waited for it. The first half of a character at
        its end is cut off, and waits."""
        piece, half = without_half(self._waiting.pop(text, "") + piece)
        if half:
            self._waiting[text] = half
        return piece

    def joined_delta(self, delta: Delta) -> Delta:
        """A delta, each text of it as by :meth:`joined`."""
        if not self._waiting and not any(map(has_half, _texts(delta))):
            return delta
        return replace(
            delta,
            text=self.joined(delta.text, TEXT),
            reasoning=self.joined(delta.reasoning, REASONING),
            refusal=self.joined(delta.refusal, REFUSAL),
            tool_calls=tuple(map(self._joined_call, delta.tool_calls)),
        )

    def _joined_call(self, call: ToolCallDelta) -> ToolCallDelta:
        if call.arguments is None:
            return call
        return replace(call, arguments=self.joined(call.arguments, call.index))

    def rest(self) -> Delta:
        """The halves that still wait, at the answer's end. They wait no more."""
        waiting, self._waiting = self._waiting, {}
        texts: Any = {name: LONE for name in (TEXT, REASONING, REFUSAL) if name in waiting}
        calls = [each for each in waiting if isinstance(each, int)]
        lone = tuple(ToolCallDelta(index=index, arguments=LONE) for index in calls)
        return Delta(tool_calls=lone, **texts)
