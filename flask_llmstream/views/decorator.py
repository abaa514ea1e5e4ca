"""Views that stream: what ``@streams.view()`` makes of a function.

Roof: Flask.
"""

from __future__ import annotations

import functools
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Tuple

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ..app.first_request import at_first_request
from ..errors import ConfigurationError
from ..exceptions.handling import name_of
from ..log import log_of
from ..sources.calls import called
from .source_errors import is_iterator

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue
    from typing_extensions import ParamSpec

    Arguments = ParamSpec("Arguments")

_FINISHED = (Response, HTTPException, str, bytes, bytearray, dict, tuple)
"""What a view may return that Flask makes a response of."""

_MISPLACED = (
    "%s: @streams.view() stands above the decorator that gives Flask the view for %s, which then "
    "never streams; put @streams.view() below that, next to the def"
)

_streamed: "weakref.WeakSet[Any]" = weakref.WeakSet()
"""What it made of functions."""

_inside: "weakref.WeakSet[Any]" = weakref.WeakSet()
"""The functions that were decorated, which Flask should not have itself."""


def streamed_view(
    view: Callable[Arguments, Any], respond: Callable[[Any], Response]
) -> Callable[Arguments, ResponseReturnValue]:
    """The view as Flask has to have it.

    :param respond: makes a response of a source.
    :raises TypeError: it is no function; the message says what to decorate.
    """
    _check(view)
    name = name_of(view) or repr(view)

    @functools.wraps(view)
    def streamed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> ResponseReturnValue:
        answer: ResponseReturnValue = _answer(name, called(view, *args, **kwargs), respond)
        return answer

    _streamed.add(streamed)
    with suppress(TypeError):  # it is of a kind that can't be referred to weakly
        _inside.add(view)
    return streamed


def _answer(name: str, given: Any, respond: Callable[[Any], Response]) -> Any:
    """What Flask gets for what a view gave."""
    if given is None:
        raise TypeError(f"{name} returned None; yield in it, or return what can be iterated over")
    if isinstance(given, tuple) and given and is_iterator(given[0]):
        return (respond(given[0]), *given[1:])
    return given if isinstance(given, _FINISHED) else respond(given)


def refuse_positional(arguments: Tuple[Any, ...]) -> None:
    """
    :raises TypeError: the decorator was given something that has no name.
    """
    if not arguments:
        return
    if callable(arguments[0]):
        raise TypeError("@streams.view needs its parentheses; write @streams.view()")
    raise TypeError(
        f"streams.view() takes options by their names, not {arguments[0]!r}; write "
        "@streams.view(format='text')"
    )


def refuse_misplaced(app: Flask) -> None:
    """
    :raises ConfigurationError: Flask has a view from below ``@streams.view()``.
    """
    for rule, name in misplaced(app):
        raise ConfigurationError(_MISPLACED % (name, rule))


def log_later_misplaced(app: Flask) -> None:
    """Have the first request log those that came to the app after ``init_app``, by a blueprint."""
    at_first_request(app, _log_misplaced, "views that are misplaced could not be looked for")


def _log_misplaced(app: Flask) -> None:
    for rule, name in misplaced(app):
        log_of(app).warning(_MISPLACED, name, rule)


def misplaced(app: Flask) -> Iterator[Tuple[str, str]]:
    """The rules whose views Flask has from below ``@streams.view()``, and the names of those.

    A function that Flask has both ways, plain at one rule and streamed at another, is none.
    """
    placed = [inner for view in app.view_functions.values() for inner in _streamed_by(view)]
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        if _is_in(view, _inside) and not any(view is inner for inner in placed):
            yield rule.rule, name_of(view) or rule.endpoint


def _streamed_by(view: Any) -> List[Any]:
    layers = layers_of(view)
    return [inner for layer, inner in zip(layers, layers[1:]) if is_streamed(layer)]


def layers_of(view: Any) -> List[Any]:
    """A view with all that it is wrapped in, from the outside in."""
    layers: List[Any] = []
    while view is not None and len(layers) < 100:
        layers.append(view)
        view = getattr(view, "__wrapped__", None)
    return layers


def is_streamed(view: Any) -> bool:
    """Whether it is what ``@streams.view()`` made of a function."""
    return _is_in(view, _streamed)


def _is_in(view: Any, views: "weakref.WeakSet[Any]") -> bool:
    try:
        return view in views
    except TypeError:  # it can't be referred to weakly
        return False


def _check(view: Any) -> None:
    if isinstance(view, type):
        raise TypeError(
            f"streams.view() decorates functions, and {view.__name__} is a class; put it on the "
            "method that streams, or write decorators = [streams.view()] in the class"
        )
    if is_iterator(view):
        raise TypeError(
            f"streams.view() decorates functions, and was given what {name_of(view)}() returned; "
            "leave out the call"
        )
    if not callable(view):
        raise TypeError(f"streams.view() decorates functions, not a {type(view).__name__}")
