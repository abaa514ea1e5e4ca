"""Whose request it is: a chat endpoint's, by its route, or by a path beside them that no route has.

A path without a route is found by its ``NotFound``, after all routes of the application were asked.
So none of them can be shadowed.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from flask import Flask, Request, current_app
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, Map, MapAdapter, Rule

from ..views.blueprint_routes import is_ours
from .blueprint import COMPLETIONS, ChatBlueprint

_REST = "llmstream_rest"
"""The variable of a rule that is what comes behind a mount's prefix, and its converter."""

_VARIABLE = re.compile("<[^>]*>")


class Mount(NamedTuple):
    """Where a blueprint is mounted, as far as one request shows.

    :ivar chat: the blueprint.
    :ivar may_have_pages: whether a page for people may answer. It may not where the request has no
        route, unless the prefix has no words (``/``, ``/<tenant>``): then any path of the site may
        lie below it.
    :ivar endpoint: the endpoint of the request, or of its path where it has another method.
        ``None`` for a path without a route.
    """

    chat: ChatBlueprint
    may_have_pages: bool = True
    endpoint: Optional[str] = None


class _Anything(BaseConverter):
    regex = r"(?s:.*)"
    weight = 1000
    part_isolating = False


class Mounts:
    """The mounts of an app's chat blueprints. It follows the app's routes, also later ones."""

    def __init__(self) -> None:
        self._known: Tuple[List[Rule], Map] = [], Map()

    def of(self, request: Request) -> Optional[Mount]:
        """The mount that a request is addressed to; ``None`` for any other part of the app."""
        endpoint = request.endpoint
        if endpoint is not None:
            chat = _blueprint(current_app, endpoint)
            if chat is None or not chat.answers(endpoint):
                return None
            return Mount(chat, endpoint=endpoint)
        error = request.routing_exception
        if isinstance(error, MethodNotAllowed):
            return _by_another_method(request, error.valid_methods or ())
        return self._beside(request) if isinstance(error, NotFound) else None

    def _beside(self, request: Request) -> Optional[Mount]:
        """The mount below which a path lies that has no route."""
        app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
        adapter = app.create_url_adapter(request)
        adapter.map = self._map(app)
        rule = _rule(adapter, "OPTIONS")
        chat = None if rule is None else _blueprint(app, rule.endpoint)
        if rule is None or chat is None:
            return None
        return Mount(chat, not _VARIABLE.sub("", rule.rule).strip("/"))

    def _map(self, app: Flask) -> Map:
        """The app's chat endpoints, and below each mount every other path."""
        ours = [rule for rule in app.url_map.iter_rules() if _is_ours(app, rule)]
        rules, urls = self._known
        if rules != ours:
            copies = [rule.empty() for rule in ours]
            urls = Map(
                [*copies, *_all_below(ours)],
                converters={**app.url_map.converters, _REST: _Anything},
                host_matching=app.url_map.host_matching,
            )
            self._known = ours, urls
        return urls


def _by_another_method(request: Request, methods: Iterable[str]) -> Optional[Mount]:
    """The mount whose route has the request's path, with one of these methods.

    The path may be that of a route of the application's own, which is found before ours:
    ``/v1/models/<name>/card``.
    """
    app: Any = current_app
    adapter = app.create_url_adapter(request)
    for method in methods:
        rule = _rule(adapter, method)
        chat = _blueprint(app, rule.endpoint) if rule and _is_ours(app, rule) else None
        if rule is not None and chat is not None:
            return Mount(chat, False, rule.endpoint)
    return None


def _rule(adapter: MapAdapter, method: str) -> Optional[Rule]:
    try:
        return adapter.match(method=method, return_rule=True)[0]
    except HTTPException:
        return None


def _all_below(rules: List[Rule]) -> Iterator[Rule]:
    """The rules for all paths below the mounts."""
    end = "/chat/completions"
    for rule in rules:
        if rule.endpoint.endswith(f".{COMPLETIONS}"):
            prefix = rule.rule[: -len(end)]
            for path in filter(None, (prefix, f"{prefix}/<{_REST}:{_REST}>")):
                yield Rule(
                    path,
                    endpoint=rule.endpoint,
                    subdomain=rule.subdomain,
                    host=rule.host,
                    merge_slashes=False,
                )


def _is_ours(app: Flask, rule: Rule) -> bool:
    is_hidden = rule.build_only or not is_ours(app.view_functions.get(rule.endpoint))
    return not is_hidden and _blueprint(app, rule.endpoint) is not None


def _blueprint(app: Flask, endpoint: str) -> Optional[ChatBlueprint]:
    """The chat blueprint that an endpoint is of."""
    found = app.blueprints.get(endpoint.rpartition(".")[0])
    return found if isinstance(found, ChatBlueprint) else None
