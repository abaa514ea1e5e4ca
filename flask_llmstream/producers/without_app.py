"""``producer()``: a producer without any application, in a script or a worker that has none."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Union

from ..app.config import Settings
from ..errors import ConfigurationError
from ..keywords import ProducerOptions
from ..replay.base import Limits, ReplayStorage
from ..replay.storages import storage_of
from ..stream.options import StreamOptions
from ..stream.resumable import check_stream_id, options_without_reader, resumable_format
from ..wsgi.hooks import WSGIHooks
from .plan import Plan, plan_of
from .producer import Producer

if TYPE_CHECKING:
    from typing_extensions import Unpack

_DEFAULTS = Settings()


def producer(
    stream_id: str,
    replay_url: Union[str, ReplayStorage],
    *,
    replay_prefix: str = _DEFAULTS.replay_prefix,
    replay_max_events: int = _DEFAULTS.replay_max_events,
    replay_max_bytes: int = _DEFAULTS.replay_max_bytes,
    replay_expires: float = _DEFAULTS.replay_expires,
    **options: Unpack[ProducerOptions],
) -> Producer:
    """As :meth:`LLMStream.producer`, for a process without a Flask application.

    ::

        with flask_llmstream.producer(stream_id, "redis://localhost") as emitter:
            for token in model(question):
                emitter.send(token)

    :param replay_url: where the events go: the ``LLMSTREAM_REPLAY_URL`` of the web application, or
        a storage.
    :param replay_prefix: and the three others: as the ``LLMSTREAM_REPLAY_…`` of the application.
    :param options: as of :meth:`LLMStream.producer`.
    :raises ConfigurationError: a value that can't work; the message names it.
    :raises TypeError: there is no such option.
    """
    check_stream_id(stream_id)
    settings = Settings(
        replay_url=replay_url,
        replay_prefix=replay_prefix,
        replay_max_events=replay_max_events,
        replay_max_bytes=replay_max_bytes,
        replay_expires=replay_expires,
    )
    storage = _storage(settings)
    merged = options_without_reader(StreamOptions(), options)
    resumable_format(merged, stream_id)  # a wrong one raises where it stands
    return Producer(partial(_plan, stream_id, merged, storage))


def _plan(stream_id: str, options: StreamOptions, storage: ReplayStorage) -> Plan:
    make_format = partial(resumable_format, options, stream_id)
    return plan_of(stream_id, options, make_format, WSGIHooks(producer), storage)


def _storage(settings: Settings) -> ReplayStorage:
    url = settings.replay_url
    if isinstance(url, str):
        return _shared_storage(url, settings.replay_limits, settings.replay_prefix)
    return storage_of(url, settings.replay_limits, settings.replay_prefix)


@lru_cache(maxsize=8)
def _shared_storage(url: str, limits: Limits, prefix: str) -> ReplayStorage:
    """One storage for all producers of this process."""
    storage = storage_of(url, limits, prefix)
    if not storage.is_shared:
        raise ConfigurationError(
            f"replay_url: {url!r} is seen by this process alone, and nobody here reads it; say "
            "what LLMSTREAM_REPLAY_URL says in the web application, such as 'redis://localhost'"
        )
    return storage
