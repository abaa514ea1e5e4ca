"""``Calls``: the calls of functions of one answer, made of their fragments.

A server may give the fragments of several calls in turns. OpenAI's does not, and there are clients
that take a fragment for a call of its own where another call came between. So the events of a call
wait until the arguments of the calls before it are whole.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Callable, Deque, Dict, List, Optional

from ...deltas import ToolCallDelta
from ...sse.strict_json import read_json
from .items import FunctionCall
from .parts import Event

Begin = Callable[[str, str, List[Event]], FunctionCall]
"""Begins the item of a call. It takes the call's ID, the function's name, and the list that gets
the events of the beginning."""


class Calls:
    """The calls of one answer.

    :param begin: begins an item.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._calls: Dict[int, _Call] = {}
        self._waiting: Deque[_Call] = deque()  # the first of them is sent as it comes

    def add(self, fragment: ToolCallDelta, events: List[Event]) -> None:
        """Add a fragment.

        :param events: gets its events, and those of the calls that no longer wait.
        """
        if not (fragment.id or fragment.name or fragment.arguments):
            return
        call = self._calls.get(fragment.index)
        if call is None:
            call = self._calls[fragment.index] = _Call()
            self._waiting.append(call)
        call.add(fragment)
        if call not in self._waiting:  # it looked whole, and goes on
            call.send(self._begin, events)
        while self._waiting and self._waiting[0].name:
            self._waiting[0].send(self._begin, events)
            if len(self._waiting) == 1 or not self._waiting[0].is_whole():
                return
            self._waiting.popleft()

    def send_the_others(self, events: List[Event]) -> None:
        """Send what still waits, at the answer's end. A call that got no name has an empty one."""
        while self._waiting:
            self._waiting.popleft().send(self._begin, events)


class _Call:
    """One call.

    :ivar id: its ID; ``None`` where none has come.
    :ivar name: the function's name; ``""`` where none has come.
    """

    def __init__(self) -> None:
        self.id: Optional[str] = None
        self.name = ""
        self._item: Optional[FunctionCall] = None
        self._unsent: List[str] = []

    def add(self, fragment: ToolCallDelta) -> None:
        """Take what a fragment says."""
        self.id = self.id or fragment.id
        self.name = self.name or fragment.name or ""
        if fragment.arguments:
            self._unsent.append(fragment.arguments)

    def send(self, begin: Begin, events: List[Event]) -> None:
        """Give the events of what has not been sent."""
        if self._item is None:
            self._item = begin(self.id or f"call_{os.urandom(12).hex()}", self.name, events)
        unsent, self._unsent = self._unsent, []
        if unsent:
            events.append(self._item.arguments.grown("".join(unsent)))

    def is_whole(self) -> bool:
        """Whether its arguments, all of them sent, are JSON."""
        pieces = self._item.arguments.pieces if self._item else []
        if not pieces or not pieces[-1].rstrip().endswith("}"):
            return False
        try:
            read_json("".join(pieces))
        except (ValueError, RecursionError):
            return False
        return True
