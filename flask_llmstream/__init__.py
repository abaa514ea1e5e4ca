"""Stream a language model's answer from Flask: Server-Sent Events on gevent greenlets.

Importing this starts nothing, patches nothing and loads no network library: what talks to a
model's server is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, List

from .channel.overflow import Overflow as Overflow
from .client.errors import ConnectionFailed as ConnectionFailed
from .client.errors import EventSourceError as EventSourceError
from .client.errors import NotAnEventStream as NotAnEventStream
from .client.errors import ServerFailure as ServerFailure
from .client.errors import StreamStalled as StreamStalled
from .client.errors import StreamTruncated as StreamTruncated
from .client.reconnecting import Backoff as Backoff
from .deltas import Delta as Delta
from .deltas import ToolCallDelta as ToolCallDelta
from .errors import ConfigurationError as ConfigurationError
from .errors import EventTooLarge as EventTooLarge
from .errors import LLMStreamError as LLMStreamError
from .errors import ProviderError as ProviderError
from .errors import ReplayUnavailable as ReplayUnavailable
from .errors import RequestError as RequestError
from .errors import StreamClosed as StreamClosed
from .errors import StreamError as StreamError
from .errors import StreamGone as StreamGone
from .errors import StreamIsProduced as StreamIsProduced
from .errors import StreamNotStarted as StreamNotStarted
from .errors import StreamOverflow as StreamOverflow
from .errors import StreamRefused as StreamRefused
from .errors import StreamShutdown as StreamShutdown
from .errors import StreamTimeout as StreamTimeout
from .errors import UnsendableItem as UnsendableItem
from .extension import LLMStream as LLMStream
from .formats import Format as Format
from .producers.without_app import producer as producer
from .providers import CallableProvider as CallableProvider
from .providers import Counter as Counter
from .providers import Provider as Provider
from .providers import Router as Router
from .records import CompletionRequest as CompletionRequest
from .records import Summary as Summary
from .records import Usage as Usage
from .sources.emitter import Emitter as Emitter
from .sources.smooth import smooth as smooth
from .sse.decoder import EventStreamDecoder as EventStreamDecoder
from .sse.decoder import MessageEvent as MessageEvent
from .sse.event import ServerSentEvent as ServerSentEvent
from .telemetry.signals import stream_finished as stream_finished
from .wsgi.middleware import EventStreamMiddleware as EventStreamMiddleware

__version__ = "0.2.0"

_LOADED_WHEN_ASKED_FOR = {
    "Anthropic": ".providers.anthropic",
    "EventSource": ".client.event_source",
    "OpenAICompatible": ".providers.openai_compatible",
}

if TYPE_CHECKING:
    from .client.event_source import EventSource as EventSource
    from .providers.anthropic import Anthropic as Anthropic
    from .providers.openai_compatible import OpenAICompatible as OpenAICompatible
else:  # a type checker that saw it would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name in _LOADED_WHEN_ASKED_FOR:
            return getattr(import_module(_LOADED_WHEN_ASKED_FOR[name], __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> List[str]:
    return sorted([*globals(), *_LOADED_WHEN_ASKED_FOR])
