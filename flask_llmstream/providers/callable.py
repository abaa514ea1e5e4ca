"""``CallableProvider``: a function of the application as a model."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, AsyncIterable, Awaitable, Callable, Generator, Iterable, Mapping, Union

from ..errors import ConfigurationError
from ..exceptions.handling import name_of
from ..records import CompletionRequest
from ..runtime.event_loop.coroutines import is_async, yields_async
from .abortable_deltas import AbortableDeltas
from .aborting import Current
from .awaited import awaited
from .base import Deltas, Piece, Provider
from .refusing import checked_reasons
from .sdk_streams.kinds import is_of_sdk, raise_meant, sdk_deltas

FunctionResult = Union[str, Deltas, Awaitable[Union[str, Deltas]]]
"""The results that a function may return."""


class CallableProvider(Provider):
    """A function as a model.

    :param function: takes the :class:`CompletionRequest`, and returns an iterable of deltas
        (mostly a generator) or the whole answer as one text. It runs on the stream's worker, so
        it may wait. If its result has ``abort()``, that is called when the reader leaves. An
        ``async def`` runs on the event loop. It yields deltas, or returns a text, a list of
        deltas or an asynchronous iterable.
    :param refuses: what the function can't do, see ``refuses`` of :class:`Provider`:
        ``{"tools": "This model calls no tools."}``. Default: nothing, all fields of a request go
        to the function.
    :raises ConfigurationError: ``function`` is not callable, or ``refuses`` is no mapping of texts.
    """

    def __init__(
        self,
        function: Callable[[CompletionRequest], FunctionResult],
        *,
        refuses: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        if not callable(function):
            raise ConfigurationError(
                f"function: something to call with a CompletionRequest, not {function!r}"
            )
        self._function = function
        self.refuses = checked_reasons(refuses)

    @property
    def is_asynchronous(self) -> bool:
        return is_async(self._function) or yields_async(self._function)

    def stream(self, request: CompletionRequest) -> Deltas:
        """Begin one answer. The function is called when the iteration begins.

        The iteration raises the function's exceptions, and ``TypeError`` if its result is not
        iterable.
        """
        function: Any = self._function
        if yields_async(function):
            deltas: Deltas = function(request)
            return deltas
        if is_async(function):
            return awaited(function, request)
        current = Current()
        deltas = _call(self._function, request, current)
        return AbortableDeltas(deltas, current.abort, current.model)


def _call(
    function: Callable[[CompletionRequest], Any], request: CompletionRequest, current: Current
) -> Generator[Piece, None, None]:
    result: Any = None
    try:
        result = sdk_deltas(function(request))
        current.begin(result)
        yield from _deltas_in(result, function)
    except Exception as error:
        if is_of_sdk(error):
            raise_meant(error)
        raise
    finally:
        if hasattr(result, "close"):
            result.close()


def _deltas_in(result: Any, function: Callable[..., Any]) -> Iterable[Piece]:
    if isinstance(result, str):
        return [result]
    if isinstance(result, Iterable) and not isinstance(result, (bytes, Mapping)):
        return result
    name = name_of(function) or name_of(type(function))
    if isinstance(result, (AsyncIterable, Awaitable)):
        what = name_of(result) or type(result).__name__
        raise TypeError(f"{name} gave {what}, which is asynchronous; write it as async def")
    raise TypeError(
        f"{name} gave a {type(result).__name__}; wanted: a text, or an iterable of texts"
    )
