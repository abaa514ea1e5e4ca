"""``Plan``: what the stream of a producer is made of."""

from __future__ import annotations

from typing import Callable, NamedTuple

from ..formats import Format
from ..replay.base import ReplayStorage
from ..replay.expected import STOPPED, expected_of
from ..stream.hooks import StreamHooks
from ..stream.options import StreamOptions


class Plan(NamedTuple):
    """What the stream of a producer is made of.

    :ivar make_format: makes its format.
    :ivar storage: where its events go.
    :ivar owner: a digest of its owner; ``""``: the ID alone is the right to it.
    :ivar is_stopped: whether somebody has stopped it already.
    """

    stream_id: str
    options: StreamOptions
    make_format: Callable[[], Format]
    hooks: StreamHooks
    storage: ReplayStorage
    owner: str
    is_stopped: bool


def plan_of(
    stream_id: str,
    options: StreamOptions,
    make_format: Callable[[], Format],
    hooks: StreamHooks,
    storage: ReplayStorage,
) -> Plan:
    """The plan of a stream that may be expected. Then the note about it names its owner.

    :raises ReplayUnavailable: the storage can't be reached.
    """
    expected = expected_of(storage, stream_id)
    owner = "" if expected is None else expected.owner
    is_stopped = expected is not None and expected.state == STOPPED
    return Plan(stream_id, options, make_format, hooks, storage, owner, is_stopped)
