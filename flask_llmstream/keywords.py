"""The types of the options as keywords, for type checkers and editors. No I/O.

:class:`~flask_llmstream.stream.options.StreamOptions` has fields of the same names and types, and
explains them with their defaults.
"""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Collection,
    Hashable,
    Literal,
    Mapping,
    Optional,
    Type,
    TypedDict,
    Union,
)

from .channel.channel import Channel
from .formats import Format
from .records import Summary

FormatName = Literal["message", "text", "ndjson", "plain", "ag-ui", "ui-message", "accept"]
Strategy = Literal["block", "buffer", "drop", "latest", "error", "missing"]
Lossless = Literal["block", "buffer", "error", "missing"]
OnLeave = Literal["cancel", "detach", "finish"]
Reconnect = Literal["refuse", "restart", "resume"]
UnknownFields = Literal["forward", "ignore", "refuse"]
WorkerKind = Literal["auto", "greenlet", "thread"]


class CommonOptions(TypedDict, total=False):
    """Options of every kind of stream."""

    heartbeat: float
    first_event_timeout: float
    idle_timeout: float
    total_timeout: float
    max_lifetime: float
    send_timeout: float
    hold: float
    buffer: int
    buffer_bytes: int
    max_buffer_bytes: int
    reconnect: Reconnect
    on_leave: Optional[OnLeave]
    detach_seconds: float
    worker: WorkerKind
    on_disconnect: Optional[Callable[[Summary], Any]]
    on_finish: Optional[Callable[[Summary], Any]]


class ResponseOptions(CommonOptions, total=False):
    """Options of ``response()``, ``view()``, ``create()`` and ``emitter()``."""

    format: Union[FormatName, Format, Callable[[Optional[str]], Format]]
    event: Optional[str]
    overflow: Union[Strategy, Type[Channel]]
    gaps: bool
    coalesce: Optional[Callable[[Any, Any], Any]]


class ProducerOptions(TypedDict, total=False):
    """Options of ``producer()``: a stream that has no reader of its own."""

    format: Union[FormatName, Format, Callable[[Optional[str]], Format]]
    event: Optional[str]
    first_event_timeout: float
    idle_timeout: float
    total_timeout: float
    on_leave: Literal["detach", "finish"]
    detach_seconds: float
    on_finish: Optional[Callable[[Summary], Any]]


class MiddlewareOptions(CommonOptions, total=False):
    """Options of ``EventStreamMiddleware``. It must not lose blocks of the wrapped application."""

    overflow: Union[Lossless, Type[Channel]]


class BlueprintSettings(ResponseOptions, total=False):
    """The settings that a blueprint may have for itself."""

    allowed_origins: Collection[str]
    max_streams: int
    max_streams_per_client: int
    client_key: Optional[Callable[[], Hashable]]
    max_body_bytes: int
    max_prompt_chars: int
    max_tokens: int
    unknown_fields: UnknownFields
    openapi: Union[bool, Mapping[str, Any]]
    docs: bool
    chat_hold: float
