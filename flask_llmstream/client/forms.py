"""The forms in which servers write answers: what one event says in each.

Standard library only, no I/O.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

from ..sse.decoder import MessageEvent

OUR_ID = re.compile(r"[\w-]{32}:\S+", re.ASCII)
"""The ID of an event of a server with this package."""

_DONE = re.compile(r'\s*"?\[DONE\]"?\s*')

_FINISHES = (
    (re.compile("error|fail|abort|cancel|insufficient", re.I), "error"),
    (re.compile("length|max_.*tokens|limit", re.I), "length"),
    (re.compile("filter|safety|sensitive", re.I), "content_filter"),
    (re.compile("refus", re.I), "refusal"),
    (re.compile("tool|function", re.I), "tool_calls"),
    (re.compile("^(stop|eos|end|done|complete|finish)", re.I), "complete"),
)
"""What servers say of an end, and the word for it here. The first that fits counts."""


class Piece(NamedTuple):
    """What one event says of an answer.

    :ivar delta: what it adds; ``content``: its text, or a list of its parts.
    :ivar is_whole: whether the delta is all that the model said.
    :ivar usage: what the answer cost; ``None`` where this event does not say it.
    :ivar reason: why the answer ends; ``""``: it goes on.
    :ivar error: the failure that ends it; ``None`` for none.
    :ivar is_last: whether nothing follows.
    """

    delta: Dict[str, Any]
    is_whole: bool = False
    usage: Optional[Dict[str, Any]] = None
    reason: str = ""
    error: Any = None
    is_last: bool = False


Form = Callable[[Any, MessageEvent, bool], Optional[Piece]]
"""Reads an event: the JSON in it, the event, and whether an earlier one was of this form. ``None``
where it is not of this form."""


def message_form(said: Any, event: MessageEvent, is_known: bool) -> Optional[Piece]:
    """The message format: objects with ``ended``."""
    if not isinstance(said, dict) or not isinstance(said.get("ended"), bool):
        return None
    delta = {**said, "content": said.get("message")}
    if not said["ended"]:
        return Piece(delta)
    usage = said.get("usage") if isinstance(said.get("usage"), dict) else None
    word = text_or_empty(said.get("reason")) or "complete"
    finish = word if word == "error" else ""
    if word == "complete" and usage:
        finish = usage.get("finish_reason") or ""
    error = said.get("error") or error_of(finish)
    return Piece(delta, False, usage, finish_of(finish) or word, error, True)


def chunk_form(said: Any, event: MessageEvent, is_known: bool) -> Optional[Piece]:
    """Chat completions in OpenAI's form, streamed or whole, and the older completions. Of several
    choices the first is read."""
    if _DONE.fullmatch(event.data):
        return Piece({}, is_last=True)
    members: Dict[str, Any] = said if isinstance(said, dict) else {}
    choices = objects_in(members.get("choices"))
    choice = next((one for one in choices if not one.get("index")), {})
    parts = [one for one in (choice.get("delta"), choice.get("message")) if isinstance(one, dict)]
    finish = choice.get("finish_reason")
    error = error_in(members) or error_in(choice) or _named_error(said, event, finish)
    is_one = parts or isinstance(choice.get("text"), str) or text_or_empty(finish) or error
    if not (is_one or is_known):
        return None
    part = next(filter(None, parts), {"content": choice.get("text")})
    is_whole = part is choice.get("message")
    reason = finish_of(finish) or ("complete" if is_whole else "")
    return Piece(part, is_whole, _usage_in(members, choice), reason, error)


def _named_error(said: Any, event: MessageEvent, finish: Any) -> Any:
    if event.event == "error":
        return {"detail": event.data if said is None else said}
    return error_of(finish)


def _usage_in(members: Dict[str, Any], choice: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    groq = members.get("x_groq")
    inside = groq.get("usage") if isinstance(groq, dict) else None
    found = (members.get("usage"), choice.get("usage"), inside)
    return next((one for one in found if isinstance(one, dict)), None)


def text_form(said: Any, event: MessageEvent, is_known: bool) -> Optional[Piece]:
    """The text format, where its opening was seen. A message is then a text, whatever it looks
    like. Its end and its errors are events of other types."""
    if is_known and event.event == "message":
        return Piece({"content": event.data})
    is_opening = event.event == "opened" and not event.data and OUR_ID.fullmatch(event.id)
    return Piece({}) if is_opening else None


FORMS: List[Form] = [message_form, chunk_form, text_form]


def finish_of(word: Any) -> str:
    """The word for an end here, for that of a model's server; ``""`` for none."""
    text = text_or_empty(word)
    return next((ours for theirs, ours in _FINISHES if theirs.search(text)), text)


def error_of(word: Any) -> Any:
    """The error that the word for an end means; ``None`` for none."""
    return {"code": word} if finish_of(word) == "error" else None


def error_in(said: Any) -> Any:
    """The JSON that should be an answer, where it is an error; ``None`` where it is none."""
    if not isinstance(said, dict):
        return None
    is_error = said.get("error") or "error" in (said.get("object"), said.get("type"))
    return said if is_error else None


def objects_in(value: Any) -> List[Dict[str, Any]]:
    """The objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text_or_empty(value: Any) -> str:
    """A text that is not blank; ``""`` for anything else."""
    return value if isinstance(value, str) and value.strip() else ""


def text_in(value: Any) -> str:
    """The text of a member: a text, or the texts of a list's parts."""

    def texts() -> Iterator[Any]:
        yield value
        yield from (one.get("text") for one in objects_in(value))

    return "".join(text for text in texts() if isinstance(text, str))
