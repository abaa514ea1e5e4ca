"""Clashes: two routes at one address, one of them the package's. Only one is ever reached."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any, Dict, FrozenSet, Hashable, Iterator, List, NamedTuple, Tuple

from flask import Flask
from werkzeug.routing import Rule

from ..app.first_request import at_first_request
from ..errors import ConfigurationError
from ..log import log_of
from .blueprint_routes import is_ours

_CURE = "LLMSTREAM_URL_PREFIX, or url_prefix of register_blueprint(), gives ours another place"
_CURES = {
    "openapi": "LLMSTREAM_OPENAPI = False takes ours away",
    **dict.fromkeys(("docs", "docs_file"), "LLMSTREAM_DOCS = False takes ours away"),
}
"""Other cures, by the endpoint."""
VARIABLE = re.compile(r"<(?:([a-zA-Z_]\w*)(?:\((.*?)\))?:)?[a-zA-Z_]\w*>")
"""A variable in a rule: ``<name>``, ``<converter:name>``, ``<converter(arguments):name>``."""


class Clash(NamedTuple):
    """Two routes with a path and methods in common.

    :ivar ours: the package's route.
    :ivar methods: the methods that both answer.
    """

    ours: Rule
    other: Rule
    methods: FrozenSet[str]

    @property
    def cure(self) -> str:
        """What can be done."""
        return _CURES.get(self.ours.endpoint.rpartition(".")[2], _CURE)

    def __str__(self) -> str:
        request = f"{', '.join(sorted(self.methods))} {self.ours.rule}"
        return f"two routes answer {request}: {self.ours.endpoint!r} and {self.other.endpoint!r}"


def clashes(app: Flask) -> Iterator[Clash]:
    """The clashes of an app.

    A less definite rule does not clash, such as ``/<path:path>`` of a single-page application:
    Werkzeug tries it last.
    """
    for rules in _by_address(app):
        ours_first = sorted(rules, key=lambda rule: not _is_ours(app, rule))
        for ours, other in combinations(ours_first, 2):
            if _is_ours(app, ours) and ours.endpoint != other.endpoint:
                methods = _shared_methods(ours, other)
                if methods:
                    yield Clash(ours, other, methods)


def chat_mounts(app: Flask) -> Tuple[str, ...]:
    """The URL prefixes of an app's chat endpoints."""
    ours = [rule for rule in app.url_map.iter_rules() if _is_ours(app, rule)]
    chats = [rule.rule for rule in ours if rule.endpoint.rpartition(".")[2] == "completions"]
    return tuple(rule[: -len("/chat/completions")] or "/" for rule in chats)


def refuse_clashes(app: Flask) -> None:
    """
    :raises ConfigurationError: an app has clashes; the message names the routes.
    """
    found = list(clashes(app))
    if found:
        told = "; ".join(map(str, found))
        cures = dict.fromkeys(clash.cure for clash in found)
        raise ConfigurationError(f"{told}. {'; '.join(cures)}")


def log_later_clashes(app: Flask) -> None:
    """At the first request, log the clashes that came after ``init_app``."""
    at_first_request(app, _log, "routes that clash could not be looked for")


def _log(app: Flask) -> None:
    for clash in clashes(app):
        log_of(app).warning("%s; only one of them is ever reached. %s", clash, clash.cure)


def _is_ours(app: Flask, rule: Rule) -> bool:
    return is_ours(app.view_functions.get(rule.endpoint))


def _by_address(app: Flask) -> List[List[Rule]]:
    """The rules of an app. Each list has the rules that differ only in their methods."""
    by_address: Dict[Hashable, List[Rule]] = {}
    for rule in app.url_map.iter_rules():
        if not rule.build_only:
            host = rule.host if app.url_map.host_matching else rule.subdomain
            # A slash at the end makes no other address: without it a client is redirected.
            parts = host or "", re.sub("/+", "/", rule.rule).rstrip("/")
            address = getattr(rule, "websocket", False), *(_nameless(app, part) for part in parts)
            by_address.setdefault(address, []).append(rule)
    return list(by_address.values())


def _nameless(app: Flask, pattern: str) -> str:
    """The pattern with the converter of each variable in place of its name."""

    def converter(variable: "re.Match[str]") -> str:
        name, arguments = variable.groups()
        return f"<{app.url_map.converters[name or 'default']}({arguments or ''})>"

    return VARIABLE.sub(converter, pattern)


def _shared_methods(ours: Rule, other: Rule) -> FrozenSet[str]:
    our_methods: Any = ours.methods
    other_methods: Any = our_methods if other.methods is None else other.methods
    # Flask itself answers OPTIONS, for all routes of an address.
    automatic = all(getattr(rule, "provide_automatic_options", False) for rule in (ours, other))
    return frozenset(our_methods & other_methods) - ({"OPTIONS"} if automatic else set())
