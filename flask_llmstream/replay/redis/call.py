"""``Call``: commands of somebody who may wait for their replies."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, List, Optional, Sequence

from ...errors import ReplayUnavailable
from ...runtime.looks import looks
from ...runtime.wakeup import Wakeup
from .link import Command
from .steps import Step

CALL_SECONDS = 6.0
"""How long a caller waits for a reply."""

_PAUSES = (1.0, 1.0)
"""A reply ends the pause. They are short, so that a time in which the process did not run shows."""


class Call:
    """Commands of somebody who may wait for the replies.

    :param wakeup: the caller's; ``None``: nobody waits.
    :ivar is_given_up: nobody waits any more.
    """

    def __init__(self, commands: Sequence[Command], wakeup: Optional[Wakeup]) -> None:
        self._commands = commands
        self._replies: List[Any] = []
        self._error: Optional[Exception] = None
        self._has_ended = False
        self._wakeup = wakeup
        self.is_given_up = False

    def steps(self) -> List[Step]:
        """The commands, for the writer."""
        return [Step(command, self._replies.append) for command in self._commands]

    def end(self, error: Optional[Exception]) -> None:
        """All replies are there, or none will come."""
        self._error = error
        self._has_ended = True
        if self._wakeup is not None:
            with suppress(ValueError):  # the hub of the caller was destroyed
                self._wakeup.set()

    def result(self) -> List[Any]:
        """Wait for the replies.

        :raises ReplayUnavailable: Redis can't be reached, or takes too long.
        """
        assert self._wakeup is not None
        try:
            if not any(self._has_ended for _ in looks(self._wakeup, CALL_SECONDS, _PAUSES)):
                raise ReplayUnavailable()
        finally:
            self.is_given_up = True
            self._wakeup.close()
        if self._error is not None:
            raise ReplayUnavailable() from self._error
        return self._replies
