"""``checked_protocols``: a third party's protocols, before they get routes. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping
from typing import Any, Iterable, List, Set, Tuple

from ..errors import ConfigurationError
from .base import Protocol

OTHER_ENDPOINTS = {
    "models": "/models",
    "model": "/models/",
    "chat_streams": "/chat/streams",
    "chat_stream": "/chat/streams/",
    "chat_stream_tickets": "/chat/streams/",
    "client": "/llmstream.js",
    "openapi": "/openapi.json",
    "docs": "/docs",
    "docs_file": "/docs/",
}
"""The endpoints of a chat blueprint that ask no model: their rules, to the first variable."""

BESIDE = {
    "ui_stream": "ui_messages",
    "response": "responses",
    "response_cancel": "responses",
}
"""The endpoints that belong to a protocol and ask no model, each with the protocol's name."""

_HIDDEN = ("doctor", "doctor_silence", "doctor_stream")
"""The endpoints that requests with the doctor's token alone reach."""

_SEGMENT = r"[\w.~!$&'()*+,;=:@-]+"
_RULE = re.compile(rf"(/(?!\.\.?(/|$)){_SEGMENT})+", re.ASCII)
"""A path of RFC 3986, section 3.3, without escapes, and without the segments that clients take out
of an address."""


def checked_protocols(protocols: Any, beside: Iterable[Protocol]) -> Tuple[Protocol, ...]:
    """The same protocols.

    :param beside: the protocols that are there already.
    :raises ConfigurationError: one of them is none, or has a name or a route that can't work; the
        message names it.
    """
    if isinstance(protocols, (str, bytes, Protocol, type, AnyMapping)) or not hasattr(
        protocols, "__iter__"
    ):
        raise ConfigurationError(f"protocols: has to be a list of protocols, not {protocols!r:.60}")
    given = tuple(protocols)
    taken = _Taken(beside)
    for index, protocol in enumerate(given):
        _check(f"protocols[{index}]", protocol)
        taken.add(f"protocols[{index}]", protocol)
    return given


class _Taken:
    """The names and the routes that are taken."""

    def __init__(self, protocols: Iterable[Protocol]) -> None:
        self._names: Set[str] = {*OTHER_ENDPOINTS, *BESIDE, *_HIDDEN}
        self._routes: List[Tuple[str, str]] = []
        for each in protocols:
            self.add("", each)

    def add(self, key: str, protocol: Protocol) -> None:
        """
        :raises ConfigurationError: the protocol's name or route is taken.
        """
        route = (protocol.method, protocol.rule)
        if protocol.name in self._names:
            raise ConfigurationError(f"{key}.name: {protocol.name!r} is another endpoint's")
        if route in self._routes or (protocol.method == "GET" and _is_other(protocol.rule)):
            shown = " ".join(route)
            raise ConfigurationError(f"{key}.rule: another endpoint answers {shown}")
        self._names.add(protocol.name)
        self._routes.append(route)


def _is_other(rule: str) -> bool:
    rules = OTHER_ENDPOINTS.values()
    return rule in rules or any(rule.startswith(each) for each in rules if each.endswith("/"))


def _check(key: str, protocol: Any) -> None:
    if isinstance(protocol, type) and issubclass(protocol, Protocol):
        raise ConfigurationError(f"{key}: is the class {protocol.__name__}; make one of it")
    if not isinstance(protocol, Protocol):
        kind = type(protocol).__name__
        raise ConfigurationError(f"{key}: has to be a Protocol, not {kind}")
    name, rule = getattr(protocol, "name", None), getattr(protocol, "rule", None)
    names: Any = protocol.field_names
    if not isinstance(name, str) or not name.isidentifier():
        raise ConfigurationError(f"{key}.name: has to be an identifier, not {name!r:.60}")
    if not isinstance(rule, str) or not _RULE.fullmatch(rule):
        message = "has to be a path such as '/api/chat', without variables and escapes"
        raise ConfigurationError(f"{key}.rule: {message}, not {rule!r:.60}")
    if protocol.method not in ("GET", "POST"):
        message = f"has to be 'GET' or 'POST', not {protocol.method!r:.60}"
        raise ConfigurationError(f"{key}.method: {message}")
    if not isinstance(names, AnyMapping) or not all(
        isinstance(text, str) for pair in names.items() for text in pair
    ):
        message = "has to be a mapping of texts to texts"
        raise ConfigurationError(f"{key}.field_names: {message}, not {names!r:.60}")
