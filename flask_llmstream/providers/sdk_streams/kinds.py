"""``sdk_deltas``: recognises an SDK's stream by its class. It loads nothing for anything else.
"""

from __future__ import annotations

from functools import lru_cache
from types import GeneratorType
from typing import Any, List, NoReturn

SDKS = frozenset({"openai", "anthropic"})
_NAMES = ("Stream", "StreamManager")


def sdk_deltas(source: Any) -> Any:
    """The deltas of an SDK's stream; anything else as it is.

    :param source: maybe the result of ``create(…, stream=True)``, plain or asynchronous, or that of
        ``stream(…)``, whose request is sent when the iteration begins.
    """
    if source.__class__ is GeneratorType or not is_sdk_stream(source):
        return source
    if hasattr(source, "__aiter__") or hasattr(source, "__aenter__"):
        from .async_deltas import async_sdk_deltas

        return async_sdk_deltas(source)
    from .deltas import plain_sdk_deltas

    return plain_sdk_deltas(source)


def raise_meant(error: BaseException) -> NoReturn:
    """Raise the error that an SDK's exception means, else the exception itself."""
    from .errors import fail_as

    fail_as(error)


def is_sdk_stream(source: Any) -> bool:
    """Whether this is a stream of one of the SDKs, or its context manager."""
    # By __class__, which a proxy (of a tracer) has from the object inside it.
    return _is_stream_class(source.__class__)


@lru_cache(maxsize=256)
def _is_stream_class(kind: type) -> bool:
    return any(each.__name__.endswith(_NAMES) for each in _of_sdk(kind))


def is_sdk_item(item: Any) -> bool:
    """Whether this may be a chunk of an SDK. Objects of other libraries (LiteLLM) count, too, if
    they are pydantic's and have ``choices``."""
    is_of_pydantic = hasattr(type(item), "model_dump")
    return is_of_pydantic and (hasattr(item, "choices") or is_of_sdk(item))


def is_of_sdk(thing: Any) -> bool:
    """Whether an object, such as an exception, is an SDK's."""
    return bool(_of_sdk(thing.__class__))


def name_in_log(source: Any) -> str:
    """The name of a stream: ``openai.Stream``."""
    return f"{root_of(source.__class__)}.{source.__class__.__qualname__}"


def root_of(kind: type) -> str:
    """The name of the package that a class is in."""
    return str(kind.__module__).partition(".")[0]


def _of_sdk(kind: type) -> List[type]:
    return [each for each in getattr(kind, "__mro__", ()) if root_of(each) in SDKS]
