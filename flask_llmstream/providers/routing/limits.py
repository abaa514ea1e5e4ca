"""``AnswersAtATime``: how many answers one member of a router gives at a time, in this process."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Iterator
from weakref import WeakSet

from ...errors import StreamRefused
from ...runtime.places import Places

RETRY_AFTER = 1
"""Seconds after which a refused client may ask again. A place may be free the next moment."""


class AnswersAtATime:
    """The limit of one member.

    :param limit: the most answers at a time; 0: any number.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.begin_anew()
        _all.add(self)

    def begin_anew(self) -> None:
        """In a forked child: be as new. The answers that ran are the parent's."""
        self._places = Places(self._limit)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for the time of one answer.

        :raises StreamRefused: there is none.
        """
        places = self._places  # a forked child gives back to these, and not to its new ones
        if not places.take():
            message = "The model gives as many answers as it may. Try again in a moment."
            raise StreamRefused(message, retry_after=RETRY_AFTER)
        try:
            yield
        finally:
            places.give_back()


_all: "WeakSet[AnswersAtATime]" = WeakSet()


def _begin_anew() -> None:
    for limit in _all:
        limit.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
