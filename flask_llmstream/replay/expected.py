"""``Expected``: the note about a stream whose producer has yet to begin, such as a queued task."""

from __future__ import annotations

import json
from typing import Any, Mapping, NamedTuple, Optional

from .base import ReplayStorage

WAITING, STOPPED, BEGUN = "waiting", "stopped", "begun"
"""The states of such a stream."""


class Expected(NamedTuple):
    """What its readers and its producer need to know.

    :ivar owner: a digest of its owner; ``""``: the ID alone is the right to it.
    :ivar content_type: the ``Content-Type`` of its response.
    :ivar headers: the headers of its response that its format adds.
    :ivar late: the last bytes for a reader who has waited too long for its beginning.
    :ivar cancelled: the last bytes for a reader, where it was stopped before it began.
    :ivar seconds: how long a reader waits.
    :ivar state: one of the three.
    """

    owner: str
    content_type: str
    headers: Mapping[str, str]
    late: str
    cancelled: str
    seconds: float
    state: str = WAITING


def expect(storage: ReplayStorage, stream_id: str, expected: Expected) -> None:
    """Leave the note."""
    storage.set_note(_key(stream_id), json.dumps(expected._asdict()))


def expected_of(storage: ReplayStorage, stream_id: str) -> Optional[Expected]:
    """The note about a stream; ``None`` where there is none, or one that another version wrote."""
    text = storage.note(_key(stream_id))
    try:
        return None if text is None else _checked(json.loads(text))
    except (AttributeError, TypeError, ValueError):
        return None


def note_state(storage: ReplayStorage, stream_id: str, state: str) -> Optional[Expected]:
    """Change the state of a stream that waits.

    :returns: the note as it was; ``None`` where there is none.
    """
    expected = expected_of(storage, stream_id)
    if expected is not None and expected.state == WAITING:
        expect(storage, stream_id, expected._replace(state=state))
    return expected


def _checked(fields: Any) -> Expected:
    expected = Expected(**fields)
    texts = (expected.owner, expected.content_type, expected.late, expected.cancelled)
    if not all(isinstance(text, str) for text in (*texts, *expected.headers.values())):
        raise TypeError("not a note of this version")
    return expected._replace(seconds=float(expected.seconds))


def _key(stream_id: str) -> str:
    return f"expected:{stream_id}"
