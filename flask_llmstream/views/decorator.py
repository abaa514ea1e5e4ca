"""The decorator ``@streams.view()``: it makes a view that streams the items of a function."""

from __future__ import annotations

import functools
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable, List, Tuple

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ..exceptions.handling import name_of
from ..sources.calls import called
from .source_checks import is_iterator

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue
    from typing_extensions import ParamSpec

    Arguments = ParamSpec("Arguments")

_ORDINARY = (Response, HTTPException, str, bytes, bytearray, dict, tuple)
"""The types of a view's result that Flask itself makes a response of."""

_streamed: "weakref.WeakSet[Any]" = weakref.WeakSet()
"""The views that the decorator has made."""

_decorated: "weakref.WeakSet[Any]" = weakref.WeakSet()
"""The functions that the decorator was given."""


def streamed_view(
    view: Callable[Arguments, Any], respond: Callable[[Any], Response]
) -> Callable[Arguments, ResponseReturnValue]:
    """Decorate a function: make the view that must be given to Flask.

    :param respond: makes a response from a source.
    :raises TypeError: ``view`` is no function; the message says what to decorate.
    """
    refuse_no_function(view)
    name = name_of(view) or repr(view)

    @functools.wraps(view)
    def streamed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> ResponseReturnValue:
        result = called(view, *args, **kwargs)
        answer: ResponseReturnValue = _answer_from(result, name, respond)
        return answer

    _streamed.add(streamed)
    with suppress(TypeError):  # its type allows no weak references
        _decorated.add(view)
    return streamed


def _answer_from(result: Any, name: str, respond: Callable[[Any], Response]) -> Any:
    """The return value for Flask, from the result of a view of this name."""
    if result is None:
        raise TypeError(f"{name} returned None; yield in it, or return what can be iterated over")
    if isinstance(result, tuple) and result and is_iterator(result[0]):
        return (respond(result[0]), *result[1:])
    return result if isinstance(result, _ORDINARY) else respond(result)


def refuse_positional(arguments: Tuple[Any, ...]) -> None:
    """
    :raises TypeError: the decorator was given positional arguments.
    """
    if not arguments:
        return
    if callable(arguments[0]):
        raise TypeError("@streams.view needs its parentheses; write @streams.view()")
    raise TypeError(
        f"streams.view() takes options by their names, not {arguments[0]!r}; write "
        "@streams.view(format='text')"
    )


def refuse_no_function(view: Any) -> None:
    """
    :raises TypeError: the decorator stands above something that is no function.
    """
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


def layers_of(view: Any) -> List[Any]:
    """A view and the functions that it wraps, from the outermost to the innermost."""
    layers: List[Any] = []
    while view is not None and len(layers) < 100:
        layers.append(view)
        view = getattr(view, "__wrapped__", None)
    return layers


def is_streamed(view: Any) -> bool:
    """Whether ``@streams.view()`` has made this view."""
    return _is_in(view, _streamed)


def is_decorated(function: Any) -> bool:
    """Whether ``@streams.view()`` was given this function."""
    return _is_in(function, _decorated)


def _is_in(view: Any, views: "weakref.WeakSet[Any]") -> bool:
    try:
        return view in views
    except TypeError:  # its type allows no weak references
        return False
