"""``answer``: the deltas of the first member that gives some."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any, Generator

from ...log import log
from ..base import Piece
from .plan import Member, Plan


def answer(plan: Plan) -> Generator[Piece, None, None]:
    """Ask the members one after another, until one has begun its answer. A member has its place
    from before it is asked until its deltas are closed.

    :raises Exception: none has begun, or the one that has begun failed.
    """
    try:
        for member in plan.members:
            try:
                with member.limit.place():
                    yield from _answer_of(member, plan)
                return
            except Exception as error:
                if plan.is_final(error):
                    raise
                plan.note(member, error)
        raise plan.verdict()
    finally:
        plan.forget()


def _answer_of(member: Member, plan: Plan) -> Generator[Piece, None, None]:
    plan.check(member)
    deltas: Any = member.provider.stream(plan.begin(member))
    if isinstance(deltas, AsyncIterable):
        raise TypeError(f"{member.name} gave asynchronous deltas; its is_asynchronous says no")
    plan.current.begin(deltas)
    iterator: Any = None
    try:
        iterator = iter(deltas)
        for piece in iterator:
            yield from plan.beginning.take(piece)
            if plan.beginning.has_begun:
                yield from iterator
                break
        yield from plan.beginning.rest()
    finally:
        for each in (iterator, deltas) if iterator is not deltas else (deltas,):
            close = getattr(each, "close", _nothing)
            log.isolated(close, "%s failed when it was closed", member.name)
        plan.current.end()


def _nothing() -> None:
    """Stands for a missing ``close()``."""
