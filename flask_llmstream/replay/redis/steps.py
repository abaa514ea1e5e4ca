"""``Step``: one command, and what is done with its reply. ``Sender``: has steps for the writer."""

from __future__ import annotations

from typing import Any, Callable, List, NamedTuple, Protocol

from .link import Command


class Step(NamedTuple):
    """A command, and what is done with its reply.

    :ivar can_wait: whether that is early enough at the writer's next turn.
    """

    command: Command
    done: Callable[[Any], object]
    can_wait: bool = False


class Sender(Protocol):
    """Has something for Redis, again and again, until it is done.

    :ivar is_waiting: whether it is in the writer's line.
    """

    is_waiting: bool

    @property
    def is_done(self) -> bool:
        """Whether it has nothing to send any more."""

    def is_due(self, now: float) -> bool:
        """Whether it has something to send now."""

    def lease_steps(self, now: float, until: float) -> List[Step]:
        """What keeps its lease, where that is due until then. It does not wait in the line."""

    def steps(self, now: float) -> List[Step]:
        """What to send now. The replies to the last steps have been read, or have failed."""

    def failed(self, now: float) -> None:
        """It is not known what arrived of the last steps."""
