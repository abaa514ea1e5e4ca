"""How a producer gets a stream for itself: by the lease, and by the first entry of its run."""

from __future__ import annotations

from ...errors import ReplayUnavailable, StreamIsProduced
from ..base import StreamHead
from .entries import Position, position_of
from .group import Group
from .heads import ENDED, RUN, number_of
from .keys import Keys, bucket_of
from .link import is_refusal
from .run import Run, Terms, new_token


def claim_run(group: Group, keys: Keys, stream_id: str, head: StreamHead, terms: Terms) -> Run:
    """Take the lease of a stream. Of several callers at a time, one gets it.

    :raises StreamIsProduced: another producer has it, or the stream has ended.
    :raises ReplayUnavailable: Redis can't be reached, or refuses.
    """
    own, token = keys.of_stream(stream_id), new_token(group.inbox)
    _, holder, entries, (run, ended) = group.writer.call(
        ("SET", own.lease, token, "NX", "PX", terms.lease_ms),
        ("GETEX", own.lease),
        ("XREVRANGE", own.events, "+", "-", "COUNT", 1),
        ("HMGET", own.head, RUN, ENDED),
    )
    last = position_of(entries[0][0]) if entries else Position(0, 0)
    has_ended = last.is_end or (ended is not None and number_of(run) >= last.run)
    if holder != token or has_ended:
        raise StreamIsProduced(stream_id, has_ended)
    number = max(last.run, number_of(run)) + 1
    owner = keys.owner(head.owner, bucket_of(stream_id)) if head.owner else None
    return Run(stream_id, own, head, number, owner, token, terms)


def begin_run(group: Group, run: Run) -> bool:
    """Begin a run. Redis lets one of several callers, also where their leases have expired.

    :returns: whether somebody has stopped the stream already.
    :raises StreamIsProduced: another caller has begun this run.
    :raises ReplayUnavailable: Redis can't be reached, or refuses.
    """
    commands = (*run.begin(), run.renew(), ("GET", run.keys.stopped))
    began, *_, stopped = group.writer.ask(*commands)
    if not is_refusal(began):
        return bool(stopped)
    if "equal or smaller" in str(began):
        raise StreamIsProduced(run.stream_id)
    raise ReplayUnavailable() from began
