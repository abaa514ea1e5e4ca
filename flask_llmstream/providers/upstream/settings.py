"""The settings of a provider over HTTP, checked when it is made.

A setting that can't work raises :class:`~flask_llmstream.errors.ConfigurationError`, which names it
and never shows a key. It imports requests, for the headers.
"""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import math
import re
from typing import Any, Dict, Iterator, Mapping, Optional

from requests.structures import CaseInsensitiveDict

from ...errors import ConfigurationError
from ...sse.json import json_bytes

_HEADERS = {"Accept": "text/event-stream, application/json", "Content-Type": "application/json"}
_FIXED_HEADERS = {"Accept-Encoding": "identity"}
_HEADER_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"([\x21-\x7e]+( +[\x21-\x7e]+)*)?")


def checked_mapping(name: str, value: Any) -> Mapping[Any, Any]:
    """A setting that is a mapping; an empty one for ``None``."""
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{name}: has to be a mapping, not {type(value).__name__}")
    return value or {}


def checked_options(options: Any) -> Dict[str, Any]:
    """The options, which have to be JSON."""
    members = dict(checked_mapping("options", options))
    try:
        json_bytes(members)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"options: {error}") from None
    return members


def checked_seconds(name: str, seconds: Any) -> float:
    """Seconds from 0."""
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        raise ConfigurationError(f"{name}: has to be seconds from 0, not {seconds!r}")
    return seconds


def checked_timeout(name: str, seconds: Any) -> Optional[float]:
    """The seconds; ``None`` for 0, which is no bound."""
    return checked_seconds(name, seconds) or None


def checked_count(name: str, value: Any) -> int:
    """A whole number from 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigurationError(f"{name}: has to be a whole number from 0, not {value!r}")
    return value


def checked_word(name: str, value: Any) -> str:
    """The value of a header, or a part of one. The error doesn't show it: it may be a secret."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name}: has to be a text, not {type(value).__name__}")
    if not _HEADER_VALUE.fullmatch(value):
        raise ConfigurationError(
            f"{name}: has to be printable ASCII in one line; was it read from a file with "
            "its line break?"
        )
    return value


def checked_headers(
    headers: Mapping[Any, Any], more: Mapping[str, str]
) -> CaseInsensitiveDict[str]:
    """The headers of each call, without the key: the given ones, and the others that it needs.

    :param more: others, unless they are given.
    """
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"headers: {name!r} can't be a header's name")
        checked_word(f"headers: {name}", value)
    sent = CaseInsensitiveDict({**_HEADERS, **more})
    sent.update(headers)
    sent.update(_FIXED_HEADERS)
    return sent


def secrets_in(headers: Mapping[str, str]) -> Iterator[str]:
    """The words of headers that no message may show."""
    for value in headers.values():
        yield from value.split()
