"""The storage that ``LLMSTREAM_REPLAY_URL`` names. Redis is loaded only where it is asked for."""

from __future__ import annotations

from typing import Union

from ..errors import ConfigurationError
from .base import Limits, ReplayStorage
from .memory import MemoryStorage

MEMORY = "memory://"
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+unix", "redis+sentinel", "redis+cluster",
                 "valkey", "valkeys", "valkey+unix", "valkey+sentinel",
                 "valkey+cluster")  # fmt: skip


def storage_of(url: Union[str, ReplayStorage], limits: Limits, prefix: str) -> ReplayStorage:
    """Make a storage. It connects with the first stream, not here.

    :param url: ``memory://``, a URL of Redis, or a storage of one's own.
    :param prefix: begins the names of all keys in a storage that others use, too.
    :raises ConfigurationError: the URL can't work, or its client library is missing.
    """
    if isinstance(url, ReplayStorage):
        return url
    # The message leaves out what follows, which may be a password.
    scheme = url.partition("://")[0] if isinstance(url, str) else type(url).__name__
    if url == MEMORY:
        return MemoryStorage(limits)
    if scheme in REDIS_SCHEMES:
        from .redis.storage import RedisStorage  # loads redis-py

        return RedisStorage(url, limits, prefix)
    schemes = ", ".join(f"{each}://" for each in ("memory", *REDIS_SCHEMES))
    raise ConfigurationError(
        f"replay_url: has to begin with one of {schemes}, or to be a ReplayStorage, not {scheme!r}"
    )
