"""``Provider``: the one interface for all models. Its docstring is the contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import AsyncIterable, Iterable, Union

from ..records import CompletionRequest, Usage
from ..sse.event import ServerSentEvent

Delta = Union[str, Usage, ServerSentEvent]
Deltas = Union[Iterable[Delta], AsyncIterable[Delta]]


class Provider(ABC):
    """Where deltas come from. Subclass it for a model that no shipped provider reaches."""

    @abstractmethod
    def stream(self, request: CompletionRequest) -> Deltas:
        """Begin one answer.

        Returns at once: connecting and waiting belong into the iteration, which runs on the
        stream's worker (a greenlet or a thread of its own), one ``stream`` call a reader, many
        at a time.

        The iteration gives text deltas in order, then at most one :class:`Usage`, last. A
        :class:`ServerSentEvent` may tell of something that is not text (a model that loads). It
        raises :class:`~flask_llmstream.errors.ProviderError` for whatever the model's server
        did wrong; an answer cut short is an error, never a quiet end.

        If the returned object has ``close()``, it is called by the worker when the answer is not
        wanted any more or is over. If it has ``abort()``, that is called once, from any thread,
        when the reader has left: it frees the iteration from whatever it waits for, returns at
        once and raises nothing. The iteration then raises whatever it likes; nobody hears it.

        An asynchronous iterable runs on the event loop and is cancelled there; it has ``aclose()``
        and no ``abort()``. ``stream`` itself may be ``async def``, and is awaited there as the
        iteration begins; it gives an asynchronous iterable, a text or a list of deltas.
        """
