"""``SDKAnswer``: one answer as it comes out of an SDK, event by event.

The SDKs give an event's JSON as an object of pydantic. It is read by the same readers as the JSON.
Their helpers give the same again in events of their own (``content.delta``, ``text``), which are
skipped.
"""

from __future__ import annotations

from typing import Any, Dict, NoReturn, Optional, Sequence

from ..base import Piece
from ..openai.answer import Answer as OpenAIAnswer
from ..upstream.errors import UpstreamErrors

_OF_ANTHROPIC = frozenset({
    "message_start", "content_block_start", "content_block_delta", "content_block_stop",
    "message_delta", "message_stop",
})  # fmt: skip
_OF_OTHER_APIS = ("response.", "transcript.", "speech.", "image_")
"""How the names of events begin that are of OpenAI's other APIs, such as Responses."""
_SNAPSHOTS = {"content_block_stop": "content_block", "message_stop": "message"}
"""The members that the helper of Anthropic's SDK adds: all so far, once more."""


class SDKAnswer:
    """Reads the events of one answer, of either SDK."""

    def __init__(self) -> None:
        self._answer: Any = None

    def read(self, event: Any) -> Sequence[Piece]:
        """The next pieces of the answer; none if the event says nothing.

        :raises ValueError: the event can't be read.
        """
        kind = getattr(event, "type", None)
        if kind == "chunk":  # of OpenAI's helper
            event = event.chunk
        if hasattr(event, "choices"):
            return self._read(OpenAIAnswer, as_json(event))
        if kind in _OF_ANTHROPIC:
            from ..anthropic_messages.answer import Answer

            members = as_json(event)
            members.pop(_SNAPSHOTS.get(kind, ""), None)
            return self._read(Answer, members)
        if isinstance(kind, str) and kind.startswith(_OF_OTHER_APIS):
            raise ValueError(f"{kind} is no event of chat.completions, the API that is read")
        return ()

    def _read(self, kind: Any, part: Any) -> Sequence[Piece]:
        if self._answer is None:
            self._answer = kind()
        news: Any = self._answer.read(part)
        return ((news,) if news else ()) if isinstance(news, str) else news

    @property
    def failure(self) -> Any:
        """An error that is inside the answer; ``None`` without one."""
        return getattr(self._answer, "failure", None)

    def rest(self, errors: UpstreamErrors) -> Sequence[Piece]:
        """What the answer cost, once its events have ended.

        :raises ProviderError: that was not its end. The SDKs don't say whether ``[DONE]`` came, so
            it is known by the reason why the model stopped.
        """
        if self._answer is None or not self._answer.has_said_anything:
            message = "The model's server ended its answer, and had said nothing."
            errors.fail("provider_answer", message, "there were no events of an answer")
        if not getattr(self._answer, "is_whole", self._answer.finish_reason is not None):
            message = "The model's server ended the answer before its end."
            errors.fail("truncated", message, "it has not said why the model stopped")
        return (self._answer.usage,)

    def counted(self) -> Sequence[Piece]:
        """What the answer cost, if it has come to its end by now."""
        return (self._answer.usage,) if self._has_stopped else ()

    def end_turn(self) -> None:
        """The events that follow belong to the next answer, if the model has stopped."""
        if self._has_stopped:
            self._answer.end_turn()

    @property
    def _has_stopped(self) -> bool:
        return self._answer is not None and self._answer.finish_reason is not None


def as_json(event: Any) -> Dict[str, Any]:
    """The members that the server sent.

    :raises ValueError: it is no object of pydantic.
    """
    try:
        # Without warnings: the SDKs keep values of another type than they know.
        members: Dict[str, Any] = event.model_dump(exclude_unset=True, warnings=False)
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{type(event).__name__} can't be read: {error}") from None
    return members


def unreadable(errors: UpstreamErrors, error: BaseException) -> NoReturn:
    """Raise the error for an event that can't be read."""
    message = "The model's server sent something that is no part of an answer."
    errors.fail("provider_answer", message, f"{type(error).__name__}: {error}"[:1000])


def response_of(stream: Any) -> Optional[Any]:
    """The HTTP response behind an SDK's stream."""
    return getattr(stream, "response", None) or getattr(stream, "_response", None)
