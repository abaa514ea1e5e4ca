"""The APIs that clients speak: how a request is read, and how its answer is written."""

from __future__ import annotations

from typing import Tuple

from .ag_ui import AGUI
from .base import ClientRequest, ParsedRequest, Protocol
from .chat_completions import ChatCompletions
from .description import Description
from .event_source import EventSourceQuery
from .responses import Responses
from .text_completions import TextCompletions
from .ui_messages.protocol import UIMessages

PROTOCOLS: Tuple[Protocol, ...] = (
    ChatCompletions(),
    EventSourceQuery(),
    TextCompletions(),
    Responses(),
    AGUI(),
    UIMessages(),
)
"""The protocols of each chat blueprint. One object of each serves all requests."""

__all__ = ["PROTOCOLS", "ClientRequest", "Description", "ParsedRequest", "Protocol"]
<<<<<<< HEAD
=======


def checked_protocols(protocols: Any) -> Tuple[Protocol, ...]:
    """The same protocols.

    :raises ConfigurationError: one of them is none, or has a name or a route that can't work.
    """
    if isinstance(protocols, (str, Protocol, type)) or not hasattr(protocols, "__iter__"):
        raise ConfigurationError(f"protocols: has to be a list of protocols, not {protocols!r:.60}")
    given = tuple(protocols)
    names = [each.name for each in PROTOCOLS]
    for index, protocol in enumerate(given):
        _check(f"protocols[{index}]", protocol, names)
        names.append(protocol.name)
    return given


def _check(key: str, protocol: Any, names: List[str]) -> None:
    if isinstance(protocol, type) and issubclass(protocol, Protocol):
        raise ConfigurationError(f"{key}: is the class {protocol.__name__}; make one of it")
    if not isinstance(protocol, Protocol):
        kind = type(protocol).__name__
        raise ConfigurationError(f"{key}: has to be a Protocol, not {kind}")
    name, rule = getattr(protocol, "name", None), getattr(protocol, "rule", None)
    if not isinstance(name, str) or not name.isidentifier():
        raise ConfigurationError(f"{key}.name: has to be an identifier, not {name!r}")
    if name in (*names, *_OTHER_ENDPOINTS):
        raise ConfigurationError(f"{key}.name: {name!r} is another endpoint's")
    if not isinstance(rule, str) or not _RULE.fullmatch(rule):
        raise ConfigurationError(f"{key}.rule: has to be a path without variables, not {rule!r}")
    if protocol.method not in ("GET", "POST"):
        raise ConfigurationError(f"{key}.method: has to be GET or POST, not {protocol.method!r}")


_OTHER_ENDPOINTS = ("models", "model", "client", "openapi", "docs", "docs_file")
_RULE = re.compile(r"(/[^/<>?#]+)+")
>>>>>>> 1d17e1f (GET /openapi.json describes the routes of a mount, and GET /docs shows them where it is asked for)
