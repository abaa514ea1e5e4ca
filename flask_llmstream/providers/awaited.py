"""The deltas of an ``async def`` that returns them instead of yielding them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from typing import Any, AsyncGenerator, Awaitable, Callable

from ..exceptions.handling import name_of
from ..records import CompletionRequest
from ..runtime.event_loop.coroutines import is_async
from .aborting import Current
from .async_deltas import AsyncDeltas
from .base import Deltas, Piece, Provider
from .sdk_streams.kinds import is_of_sdk, raise_meant, sdk_deltas


def begin_answer(provider: Provider, request: CompletionRequest) -> Deltas:
    """Begin one answer of a provider. Its ``stream`` may be ``async def``."""
    if is_async(provider.stream):
        return awaited(provider.stream, request)  # type: ignore[arg-type]
    return provider.stream(request)


def awaited(
    function: Callable[[CompletionRequest], Awaitable[Any]], request: CompletionRequest
) -> AsyncDeltas:
    """The deltas that a function returns. It is called and awaited as the iteration begins.

    The iteration raises ``TypeError`` where the result is none of these. A plain iterator is
    refused, too: it may wait, and would block the event loop.

    :param function: returns a text, a list of deltas or an asynchronous iterable.
    """
    current = Current()
    return AsyncDeltas(_awaited(function, request, current), current.model)


async def _awaited(
    function: Callable[[CompletionRequest], Awaitable[Any]],
    request: CompletionRequest,
    current: Current,
) -> AsyncGenerator[Piece, None]:
    try:
        result = sdk_deltas(await function(request))
    except Exception as error:
        if is_of_sdk(error):
            raise_meant(error)
        raise
    current.begin(result)
    if isinstance(result, AsyncIterable):
        try:
            async for delta in result:
                yield delta
        finally:
            await close_async(result)
    else:
        for delta in _deltas_in(result, function):
            yield delta


def _deltas_in(result: Any, function: Any) -> Iterable[Piece]:
    if isinstance(result, str):
        return [result]
    is_apart = isinstance(result, (bytes, Mapping, Iterator))
    if isinstance(result, Iterable) and not is_apart:
        return result
    raise TypeError(
        f"{name_of(function) or name_of(type(function))} is async def and gave a "
        f"{type(result).__name__}; wanted: a text, a list of texts, or an asynchronous iterable"
    )


async def close_async(iterable: Any) -> None:
    """Close an asynchronous iterable, by its ``aclose()`` or its ``close()``."""
    close = getattr(iterable, "aclose", None) or getattr(iterable, "close", None)
    closing = None if close is None else close()
    if isinstance(closing, Awaitable):
        await closing
