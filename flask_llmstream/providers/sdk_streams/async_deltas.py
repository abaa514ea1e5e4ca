"""``async_sdk_deltas``: the deltas of an SDK's asynchronous stream."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, AsyncGenerator

from ..async_deltas import AsyncDeltas
from ..base import Piece
from .errors import errors_of, fail_as
from .events import SDKAnswer, unreadable
from .kinds import name_in_log


def async_sdk_deltas(source: Any) -> AsyncDeltas:
    """As :func:`.deltas.plain_sdk_deltas`. It is cancelled where it awaits, and not aborted."""
    return _Named(source)


class _Named(AsyncDeltas):
    """Also closes a stream whose iteration never began."""

    def __init__(self, source: Any) -> None:
        super().__init__(_pieces(source), _nothing)
        self._source = source
        self.__qualname__ = name_in_log(source)

    async def aclose(self) -> None:
        await self._deltas.aclose()
        if hasattr(self._source, "close"):
            await self._source.close()


async def _pieces(source: Any) -> AsyncGenerator[Piece, None]:
    stream = None
    async with AsyncExitStack() as closing:
        try:
            stream = await closing.enter_async_context(source)
            answer, errors = SDKAnswer(), errors_of(stream)
            async for event in stream:
                try:
                    pieces = answer.read(event)
                except ValueError as error:
                    unreadable(errors, error)
                for piece in pieces:
                    yield piece
                if answer.failure is not None:
                    errors.refuse_in_band(answer.failure)
            for piece in answer.rest(errors):
                yield piece
        except Exception as error:
            fail_as(error, stream)


def _nothing() -> None:
    """No model was chosen."""
