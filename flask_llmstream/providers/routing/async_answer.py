"""``async_answer``: as :func:`.answer.answer`, where the members are asynchronous."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable
from contextlib import asynccontextmanager
from typing import Any, AsyncGenerator, AsyncIterator

from ..awaited import begin_answer, close_async
from ..base import Piece
from .plan import Member, Plan


async def async_answer(plan: Plan) -> AsyncGenerator[Piece, None]:
    """The deltas of the first member that gives some.

    :raises Exception: none has begun, or the one that has begun failed.
    """
    try:
        for member in plan.members:
            try:
                async with _pieces_of(member, plan) as pieces:
                    async for piece in pieces:
                        if plan.beginning.has_begun:
                            yield piece
                        else:
                            for each in plan.beginning.take(piece):
                                yield each
                    for each in plan.beginning.rest():
                        yield each
                return
            except Exception as error:
                if plan.is_final(error):
                    raise
                plan.note(member, error)
        raise plan.verdict()
    finally:
        plan.forget()


@asynccontextmanager
async def _pieces_of(member: Member, plan: Plan) -> AsyncIterator[Any]:
    """An iterator over the member's pieces. The member has its place until they are closed."""
    with member.limit.place():
        deltas = await _begun(member, plan)
        iterator = deltas.__aiter__()
        try:
            yield iterator
        finally:
            await _close(iterator, deltas)


async def _begun(member: Member, plan: Plan) -> Any:
    checked = plan.check(member)
    if isinstance(checked, Awaitable):
        await checked
    deltas = begin_answer(member.provider, plan.begin(member))
    if not isinstance(deltas, AsyncIterable):
        told = f"gave a {type(deltas).__name__}; its is_asynchronous says otherwise"
        raise TypeError(f"{member.name} {told}")
    plan.current.begin(deltas)
    return deltas


async def _close(iterator: Any, deltas: Any) -> None:
    if iterator is not deltas:
        await close_async(iterator)
    await close_async(deltas)
