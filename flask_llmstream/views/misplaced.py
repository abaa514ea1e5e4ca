"""Views with ``@streams.view()`` above ``@app.route``: Flask calls the function without it."""

from __future__ import annotations

from typing import Any, Iterator, List, Tuple

from flask import Flask

from ..app.first_request import at_first_request
from ..errors import ConfigurationError
from ..exceptions.handling import name_of
from ..log import log_of
from .decorator import is_decorated, is_streamed, layers_of

_MISPLACED = (
    "%s: @streams.view() stands above the decorator that gives Flask the view for %s, which then "
    "never streams; put @streams.view() below that, next to the def"
)


def refuse_misplaced(app: Flask) -> None:
    """
    :raises ConfigurationError: an app has a misplaced view; the message names it.
    """
    for rule, name in misplaced_views(app):
        raise ConfigurationError(_MISPLACED % (name, rule))


def log_later_misplaced(app: Flask) -> None:
    """At the first request, log the misplaced views that a blueprint added after ``init_app``."""
    at_first_request(app, _log_misplaced, "views that are misplaced could not be looked for")


def _log_misplaced(app: Flask) -> None:
    for rule, name in misplaced_views(app):
        log_of(app).warning(_MISPLACED, name, rule)


def misplaced_views(app: Flask) -> Iterator[Tuple[str, str]]:
    """The rule and the name of each misplaced view of an app.

    A function with two rules, plain at one and streamed at the other, is not misplaced.
    """
    placed = [inner for view in app.view_functions.values() for inner in _streamed_by(view)]
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        if is_decorated(view) and not any(view is inner for inner in placed):
            yield rule.rule, name_of(view) or rule.endpoint


def _streamed_by(view: Any) -> List[Any]:
    """The functions that a view streams."""
    layers = layers_of(view)
    return [inner for layer, inner in zip(layers, layers[1:]) if is_streamed(layer)]
