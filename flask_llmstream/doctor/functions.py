"""What becomes of streams in an application's own functions, as far as these themselves tell."""

from __future__ import annotations

import dis
import inspect
from typing import Any, Iterator, NamedTuple, Set, Tuple

from flask import Flask

from ..app.state import EXTENSION
from ..views.decorator import is_streamed, layers_of
from .layers import contents_of, hooks_of, name_of

_READS = {"add_etag", "data", "freeze", "get_data", "get_json", "json", "make_sequence"}
_LOOKS_FIRST = {"content_type", "direct_passthrough", "is_json", "is_sequence", "is_streamed"}
_LOOKS_FIRST |= {"mimetype"}


class Cached(NamedTuple):
    """A view that streams and is kept by Flask-Caching.

    :ivar endpoint: the view's.
    :ivar whole: whether its generator is read to the end before anything is sent.
    """

    endpoint: str
    whole: bool


def body_readers(app: Flask) -> Tuple[str, ...]:
    """The functions that see each response and read its body, without a look at what it is."""
    found = [(name_of(hook), *_of_response(hook)) for hook in hooks_of(app)]
    return tuple(name for name, asked, set_ in found if _is_careless(asked, set_))


def _is_careless(asked: Set[str], set_: Set[str]) -> bool:
    return bool(asked & _READS) and not (asked | set_) & _LOOKS_FIRST


def cached_streams(app: Flask) -> Tuple[Cached, ...]:
    """The views that stream and have Flask-Caching's ``cached()`` or ``memoize()`` round them."""
    return tuple(_cached(app))


def _cached(app: Flask) -> Iterator[Cached]:
    for endpoint, view in app.view_functions.items():
        layers = layers_of(view)
        cached = [place for place, layer in enumerate(layers) if _is_cached(layer)]
        streamed = [place for place, layer in enumerate(layers) if is_streamed(layer)]
        if cached and streamed:
            yield Cached(endpoint, cached[-1] > streamed[0])
        elif cached and _names(layers[-1], app.extensions[EXTENSION].owner()):
            yield Cached(endpoint, False)


def _is_cached(layer: Any) -> bool:
    """Has it what Flask-Caching gives its own function, and not one that carries its attributes?"""
    attributes = getattr(layer, "__dict__", {})
    wrapped = attributes.get("__wrapped__")
    return wrapped is not None and attributes.get("uncached") is wrapped


def _names(function: Any, thing: object) -> bool:
    """Whether a function speaks of this object."""
    code = getattr(function, "__code__", None)
    if thing is None or code is None:
        return False
    spoken = [function.__globals__.get(name) for name in code.co_names]
    spoken += [value for cell in function.__closure__ or () for value in contents_of(cell)]
    return any(value is thing for value in spoken)


def _of_response(hook: Any) -> Tuple[Set[str], Set[str]]:
    """What a function reads, and what it sets, of its last argument, which is the response."""
    code = getattr(inspect.unwrap(getattr(hook, "__func__", hook)), "__code__", None)
    if code is None or not code.co_argcount:
        return set(), set()
    response = code.co_varnames[code.co_argcount - 1]
    steps = list(dis.get_instructions(code))
    found = [then for step, then in zip(steps, steps[1:]) if _loads(step, response)]
    read = {step.argval for step in found if step.opname in ("LOAD_ATTR", "LOAD_METHOD")}
    return read, {step.argval for step in found if step.opname == "STORE_ATTR"}


def _loads(step: dis.Instruction, name: str) -> bool:
    if not step.opname.startswith(("LOAD_FAST", "LOAD_DEREF")):
        return False
    return bool(step.argval == name or step.argval[-1:] == (name,))  # newer Pythons load two
