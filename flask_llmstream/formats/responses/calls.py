"""``Calls``: the calls of functions of one answer, made of their fragments.

A server may give the fragments of several calls in turns. So no call ends before the answer.
"""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Optional

from ...deltas import ToolCallDelta
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

    def add(self, fragment: ToolCallDelta, events: List[Event]) -> None:
        """Add a fragment.

        :param events: gets its events.
        """
        if fragment.id or fragment.name or fragment.arguments:
            call = self._calls.setdefault(fragment.index, _Call())
            call.id = call.id or fragment.id
            if call.item is None and fragment.name:
                self._name(call, fragment.name, events)
            if fragment.arguments:
                call.grow(fragment.arguments, events)

    def name_the_others(self, events: List[Event]) -> None:
        """Begin the calls of which no name has come, at the answer's end."""
        for call in self._calls.values():
            if call.item is None:
                self._name(call, "", events)

    def _name(self, call: _Call, name: str, events: List[Event]) -> None:
        call.item = self._begin(call.id or f"call_{os.urandom(12).hex()}", name, events)
        early, call.early = call.early, ""
        if early:
            call.grow(early, events)


class _Call:
    """One call.

    :ivar id: its ID; ``None`` where none has come.
    :ivar item: its item; ``None`` until the function's name has come.
    :ivar early: the arguments that came before the name.
    """

    def __init__(self) -> None:
        self.id: Optional[str] = None
        self.item: Optional[FunctionCall] = None
        self.early = ""

    def grow(self, arguments: str, events: List[Event]) -> None:
        """Add a piece of its arguments."""
        if self.item is None:
            self.early += arguments
        else:
            events.append(self.item.arguments.grown(arguments))
