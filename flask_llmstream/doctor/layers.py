"""What lies between the server and the application, and between a view and its response."""

from __future__ import annotations

import functools
from typing import Any, Iterator, List, Optional, Tuple

from flask import Flask
from werkzeug.local import LocalProxy

from ..wsgi.early_start import EarlyStart

_DEEPEST = 30
"""More layers than anybody has; what is deeper is no chain of middleware."""


def wsgi_layers(app: Flask) -> Tuple[str, ...]:
    """The WSGI middleware round an application, from the outside in, by name."""
    path = _path(app.wsgi_app, app, set(), 0)
    return tuple(name_of(layer) for layer in ([app.wsgi_app] if path is None else path))


def response_hooks(app: Flask) -> Tuple[str, ...]:
    """The functions that see each response, those of blueprints too, by name."""
    return tuple(sorted(name_of(hook) for hook in hooks_of(app)))


def hooks_of(app: Flask) -> List[Any]:
    """These functions themselves."""
    return [hook for hooks in app.after_request_funcs.values() for hook in hooks]


def _path(layer: Any, app: Flask, seen: "set[int]", depth: int) -> Optional[List[Any]]:
    """The layers from this one to the application; ``None`` where it does not lead there."""
    if isinstance(layer, EarlyStart):  # which is ours, and stands in nobody's way
        layer = layer.wsgi_app
    if _is_opaque(layer, app) or depth > _DEEPEST or id(layer) in seen:
        return None
    if getattr(layer, "__self__", None) is app and layer.__name__ == "wsgi_app":
        return []
    seen.add(id(layer))
    for inner in _inside(layer):
        path = _path(inner, app, seen, depth + 1)
        if path is not None:
            return [layer, *path]
    return None


def _is_opaque(layer: Any, app: Flask) -> bool:
    # A proxy would have its own opinion of what it holds, or raise outside of a request.
    return type(layer) is LocalProxy or layer is app or not callable(layer)


def _inside(layer: Any) -> Iterator[Any]:
    """What a layer holds: as an object or a method of one, as a closure, as a partial."""
    owner = getattr(layer, "__self__", layer)
    yield from getattr(owner, "__dict__", {}).values()
    for cell in getattr(layer, "__closure__", None) or ():
        yield from contents_of(cell)
    if isinstance(layer, functools.partial):
        yield from (layer.func, *layer.args, *layer.keywords.values())


def contents_of(cell: Any) -> Iterator[Any]:
    """What a closure's cell holds, if anything."""
    try:
        yield cell.cell_contents
    except ValueError:  # not filled yet
        return


def name_of(layer: Any) -> str:
    """The name by which it can be found: of its module, with that."""
    named = getattr(layer, "__func__", layer)
    if not hasattr(named, "__qualname__"):
        named = type(layer)
    return f"{named.__module__}.{named.__qualname__}"
