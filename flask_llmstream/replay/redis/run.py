"""The commands by which a run begins in Redis, and again where Redis has lost everything."""

from __future__ import annotations

import uuid
from typing import List, NamedTuple, Optional

from ..base import StreamHead
from .entries import BEGIN_FIELD, Position
from .heads import fields_of_head
from .keys import StreamKeys
from .link import Command
from .texts import to_bytes


class Terms(NamedTuple):
    """How long things are kept, in seconds.

    :ivar expires: a stream after its end.
    :ivar lease: a lease that is not renewed.
    """

    expires: float
    lease: float

    @property
    def lease_ms(self) -> int:
        """The time to live of a lease."""
        return round(self.lease * 1000)

    @property
    def expires_ms(self) -> int:
        """The time to live of a stream that has ended."""
        return max(1, round(self.expires * 1000))

    @property
    def running_ms(self) -> int:
        """The time to live of a stream that runs. It outlives the lease, and is renewed with it."""
        return max(self.expires_ms, 10 * self.lease_ms)


class Run(NamedTuple):
    """One run of a stream.

    :ivar owner: the key of the owner's list; ``None`` where nobody owns it.
    :ivar token: tells its lease from all others, and where its producer listens.
    """

    stream_id: str
    keys: StreamKeys
    head: StreamHead
    number: int
    owner: Optional[bytes]
    token: bytes
    terms: Terms

    @property
    def name(self) -> bytes:
        """The stream's ID in lists."""
        return to_bytes(self.stream_id)

    def begin(self) -> List[Command]:
        """The first of these is refused where this run or a later one has begun."""
        keys, begun = self.keys, Position(self.number, 0)
        add: Command = ("XADD", keys.events, begun.id, BEGIN_FIELD, self.token)
        forget_others: Command = ("XTRIM", keys.events, "MINID", begun.id)
        others = [forget_others] if self.number > 1 else []
        return [add, *others, self.keep_head(), *self.keep(), *self.list()]

    def renew(self) -> Command:
        """Renews the lease of this key. The reply is the holder's token."""
        return ("GETEX", self.keys.lease, "PX", self.terms.lease_ms)

    def keep_head(self) -> Command:
        """Keeps what is known of the stream."""
        return ("HSET", self.keys.head, *fields_of_head(self.head, self.number))

    def keep(self) -> List[Command]:
        """Put off the day when the stream expires."""
        return [
            ("PEXPIRE", key, self.terms.running_ms) for key in (self.keys.head, self.keys.events)
        ]

    def list(self) -> List[Command]:
        """Keep the stream in its owner's list."""
        if self.owner is None:
            return []
        return [
            ("ZADD", self.owner, self.head.created, self.name),
            ("PEXPIRE", self.owner, self.terms.running_ms),
        ]

    def end(self) -> List[Command]:
        """Keep the stream as one that has ended."""
        keys, terms = self.keys, self.terms
        listed = () if self.owner is None else (("ZREM", self.owner, self.name),)
        return [
            *listed,
            ("DEL", keys.lease),
            ("HSET", keys.head, b"ended", 1),
            *(("PEXPIRE", key, terms.expires_ms) for key in (keys.head, keys.events)),
        ]


def new_token(inbox: bytes) -> bytes:
    """The value of a new lease.

    :param inbox: where its producer listens.
    """
    return b"%b:%b" % (uuid.uuid4().hex.encode(), inbox)


def inbox_of(token: bytes) -> bytes:
    """The inbox of whoever holds a lease."""
    return token.partition(b":")[2]
