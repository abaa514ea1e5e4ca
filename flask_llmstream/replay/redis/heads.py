"""A stream's head as a hash of Redis, and back."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from ..base import StreamHead
from .keys import VERSION
from .texts import to_bytes, to_text

ENDED = b"ended"
RUN = b"run"


class KnownHead(NamedTuple):
    """What the hash of a stream says.

    :ivar run: the number of the last run that is known.
    :ivar has_ended: whether that run has ended.
    """

    head: StreamHead
    run: int
    has_ended: bool


def fields_of_head(head: StreamHead, run: int) -> List[Any]:
    """The fields and values of the hash."""
    headers = json.dumps(dict(head.headers))
    return [
        b"v", VERSION, RUN, run, b"owner", to_bytes(head.owner),
        b"content_type", to_bytes(head.content_type), b"opening", head.opening,
        b"lost", head.lost, b"gap", head.gap, b"headers", headers,
        b"created", head.created, b"model", to_bytes(head.model), b"memo", head.memo,
    ]  # fmt: skip


def head_of(reply: Any) -> Optional[KnownHead]:
    """The head in a reply of Redis; ``None`` where there is none, or one of another layout."""
    named: Dict[bytes, bytes] = dict(zip(reply[::2], reply[1::2]))
    if named.get(b"v") != VERSION:
        return None
    head = StreamHead(
        owner=to_text(named.get(b"owner", b"")),
        content_type=to_text(named.get(b"content_type", b"")),
        opening=named.get(b"opening", b""),
        lost=named.get(b"lost", b""),
        gap=named.get(b"gap", b""),
        headers=_headers(named.get(b"headers", b"")),
        created=number_of(named.get(b"created")),
        model=to_text(named.get(b"model", b"")),
        memo=named.get(b"memo", b""),
    )
    return KnownHead(head, number_of(named.get(RUN)), ENDED in named)


def number_of(value: Optional[bytes]) -> int:
    """A number; 0 where it is none."""
    return int(value) if value and value.isdigit() else 0


def _headers(value: bytes) -> Mapping[str, str]:
    try:
        headers = json.loads(value or b"{}")
    except ValueError:
        return MappingProxyType({})
    known = headers.items() if isinstance(headers, dict) else ()
    return MappingProxyType({str(name): str(text) for name, text in known})
