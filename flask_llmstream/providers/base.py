"""``Provider``: the one interface for all models. Its docstring is the contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import AsyncIterable, Iterable, Mapping, Union

from ..deltas import Delta
from ..records import CompletionRequest, Usage
from ..runtime.event_loop.coroutines import is_async, yields_async
from ..sse.event import ServerSentEvent
from .refusing import refuse

Piece = Union[str, Delta, Usage, ServerSentEvent]
Deltas = Union[Iterable[Piece], AsyncIterable[Piece]]


class Provider(ABC):
    """Gives deltas. Subclass it for a model that no shipped provider reaches.

    :ivar refuses: what this model can't do: a sentence for the client, by the name of a field
        (``tools``, ``response_format`` …) or by the type of a part of a message (``image_url``
        …). Default: nothing.
    """

    refuses: Mapping[str, str] = MappingProxyType({})

    def check(self, request: CompletionRequest) -> None:
        """Refuse a request that this model can't serve. The chat endpoints call it in the view,
        before the answer begins. It may be ``async def``. The default looks at ``refuses``.

        :raises RequestError: the model can't do what a field asks for. The message says so. Any
            other exception is the application's own, as in a view: 500, unless an error handler
            says more.
        """
        refuse(request, self.refuses)

    @property
    def is_asynchronous(self) -> bool:
        """Whether :meth:`stream` gives asynchronous iterables. Default: whether it is an ``async
        def``. A ``Router`` asks for it; an override says so where a plain ``stream`` gives one.
        """
        return is_async(self.stream) or yields_async(self.stream)

    @abstractmethod
    def stream(self, request: CompletionRequest) -> Deltas:
        """Begin one answer, and return its deltas.

        It must return at once. The iteration connects and waits: it runs on the stream's worker,
        a greenlet or a thread of its own. ``stream`` is called once for each reader, and many
        iterations run at a time.

        The iteration gives text deltas in order, and last at most one :class:`Usage`. A piece that
        says more than text (reasoning, calls of tools, a refusal …) is a
        :class:`~flask_llmstream.deltas.Delta`. A
        :class:`ServerSentEvent` may report something that is not text (a model that loads). If
        the model's server does something wrong, the iteration raises
        :class:`~flask_llmstream.errors.ProviderError`. An answer that is cut short must be an
        error, never a quiet end.

        If the returned object has ``close()``, the worker calls it when the answer is over, or
        is not wanted any more. If it has ``abort()``, that is called once when the reader has
        left, from any thread. It must end the wait of the iteration, return at once and raise
        nothing. The iteration may then raise anything; it is ignored.

        An asynchronous iterable runs on the event loop and is cancelled there. It has ``aclose()``
        and no ``abort()``. ``stream`` itself may be ``async def``. It is then awaited on the event
        loop when the iteration begins, and returns an asynchronous iterable, a text or a list of
        deltas.
        """
