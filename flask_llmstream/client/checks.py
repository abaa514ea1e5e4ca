"""The checks of the arguments of ``EventSource``. Each returns what it was given."""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import re
from typing import Any, Mapping, Optional

from requests import Session

from .reconnecting import Backoff

_NO_LINE = re.compile("[\r\n\0\ud800-\udfff]")


def checked_id(last_event_id: str) -> str:
    if not isinstance(last_event_id, str) or _NO_LINE.search(last_event_id):
        raise ValueError(f"last_event_id has to be one line of text, not {last_event_id!r}")
    return last_event_id


def checked_tries(max_tries: Optional[int]) -> Optional[int]:
    is_count = isinstance(max_tries, int) and not isinstance(max_tries, bool) and max_tries >= 0
    if max_tries is not None and not is_count:
        raise ValueError(f"max_tries has to be a whole number from 0 or None, not {max_tries!r}")
    return max_tries


def checked_session(session: Optional[Session]) -> Session:
    if session is not None and not isinstance(session, Session):
        raise ValueError(f"session has to be a requests.Session, not {session!r}")
    return Session() if session is None else session


def checked_backoff(backoff: Optional[Backoff]) -> Backoff:
    if backoff is not None and not isinstance(backoff, Backoff):
        raise ValueError(f"backoff has to be a Backoff, not {backoff!r}")
    return backoff or Backoff()


def checked_function(name: str, function: Any) -> Any:
    if function is not None and not callable(function):
        raise ValueError(f"{name} has to be a function, not {function!r}")
    return function


def checked_streams(streams: Optional[str]) -> Optional[str]:
    is_place = isinstance(streams, str) and streams.endswith("/")
    if streams is not None and not is_place:
        raise ValueError(f"streams has to be an address with a slash at the end, not {streams!r}")
    return streams


def checked_headers(headers: Optional[Mapping[str, str]]) -> Mapping[str, str]:
    if headers is not None and not isinstance(headers, Mapping):
        raise ValueError(f"headers has to be a mapping, not {headers!r}")
    return headers or {}
