"""``Keys``: the key of each attempt, a fixed one or one that a function gives at that time."""

from __future__ import annotations

from typing import Any, Callable, Optional, Union

from ...errors import ConfigurationError, ProviderError, StreamError
from ...runtime.event_loop.coroutines import is_async
from .settings import checked_word

ApiKey = Union[str, Callable[[], str], None]
"""A key, a function that gives one, or none."""

_NO_KEY = "There is no key for the model's server."


class Keys:
    """The keys of a provider. Many attempts may use it at a time.

    :param api_key: as the application gave it.
    :ivar fixed: the key that never changes; ``""`` if there is none, or a function gives it.
    :ivar rotate: whether a function gives each key.
    :raises ConfigurationError: it can't be a key. The message doesn't show it.
    """

    def __init__(self, api_key: Any) -> None:
        self.rotate = callable(api_key)
        if is_async(api_key):
            raise ConfigurationError(
                "api_key: has to be a plain function, not async def; it runs on the stream's "
                "worker, and may wait there"
            )
        self._function: Optional[Callable[[], Any]] = api_key if self.rotate else None
        self.fixed = "" if self.rotate or not api_key else checked_word("api_key", api_key)

    def __bool__(self) -> bool:
        """Whether each attempt has a key."""
        return self.rotate or self.fixed != ""

    def next(self) -> str:
        """The key for an attempt; ``""`` for none. A function is called, and may wait.

        :raises StreamError: as the function raised it.
        :raises ProviderError: the function raised another exception, which is the cause, or gave
            no key.
        """
        if self._function is None:
            return self.fixed
        try:
            return _given(self._function())
        except StreamError:  # the application's own words for its client
            raise
        except Exception as error:
            raise ProviderError(_NO_KEY, code="provider_key") from error


def _given(key: Any) -> str:
    if key is None or key == "":
        raise ConfigurationError(f"api_key: the function gave no key, but {key!r}")
    return checked_word("api_key: the function's result", key)
