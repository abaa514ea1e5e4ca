"""The WSGI middleware round an application, and the functions that see each response."""

from __future__ import annotations

import functools
from typing import Any, Iterator, List, Optional, Tuple

from flask import Flask
from werkzeug.local import LocalProxy

from ..wsgi.early_start import EarlyStart

_DEEPEST = 30
"""More layers than any application has. A deeper chain is no chain of middleware."""


def wsgi_layers(app: Flask) -> Tuple[str, ...]:
    """The names of the WSGI middleware round an application, from the outside in."""
    path = _path(app.wsgi_app, app, set(), 0)
    return tuple(name_of(layer) for layer in ([app.wsgi_app] if path is None else path))


def response_hooks(app: Flask) -> Tuple[str, ...]:
    """The names of the functions that see each response, also those of blueprints."""
    return tuple(sorted(name_of(hook) for hook in hooks_of(app)))


def hooks_of(app: Flask) -> List[Any]:
    """The functions that see each response."""
    return [hook for hooks in app.after_request_funcs.values() for hook in hooks]


def _path(layer: Any, app: Flask, seen: "set[int]", depth: int) -> Optional[List[Any]]:
    """The layers from this one to the application; ``None`` where this one does not lead to it."""
    if isinstance(layer, EarlyStart):  # ours, and harmless
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
    # A proxy shows the attributes of its target, or raises outside of a request.
    return type(layer) is LocalProxy or layer is app or not callable(layer)


def _inside(layer: Any) -> Iterator[Any]:
    """The objects that a layer holds: its attributes, its closure, its partial arguments."""
    owner = getattr(layer, "__self__", layer)
    yield from getattr(owner, "__dict__", {}).values()
    for cell in getattr(layer, "__closure__", None) or ():
        yield from contents_of(cell)
    if isinstance(layer, functools.partial):
        yield from (layer.func, *layer.args, *layer.keywords.values())


def contents_of(cell: Any) -> Iterator[Any]:
    """The content of a closure's cell, if it has one."""
    try:
        yield cell.cell_contents
    except ValueError:  # not filled yet
        return


def name_of(layer: Any) -> str:
    """The qualified name of a function, or of an object's class, behind its module's name."""
    named = getattr(layer, "__func__", layer)
    if not hasattr(named, "__qualname__"):
        named = type(layer)
    return f"{named.__module__}.{named.__qualname__}"
