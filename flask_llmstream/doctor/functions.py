"""Functions of the application that break streams: found by their attributes and their bytecode."""

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
    """A view that streams and that Flask-Caching wraps.

    :ivar endpoint: the view's endpoint.
    :ivar whole: whether Flask-Caching reads the generator to its end before anything is sent.
    """

    endpoint: str
    whole: bool


def body_readers(app: Flask) -> Tuple[str, ...]:
    """The names of the response hooks that read a body without first looking at its kind."""
    found = [(name_of(hook), *_response_attributes(hook)) for hook in hooks_of(app)]
    return tuple(name for name, read, written in found if _is_careless(read, written))


def _is_careless(read: Set[str], written: Set[str]) -> bool:
    return bool(read & _READS) and not (read | written) & _LOOKS_FIRST


def cached_streams(app: Flask) -> Tuple[Cached, ...]:
    """The views that stream and that Flask-Caching's ``cached()`` or ``memoize()`` wraps."""
    return tuple(_cached(app))


def _cached(app: Flask) -> Iterator[Cached]:
    for endpoint, view in app.view_functions.items():
        layers = layers_of(view)
        cached = [place for place, layer in enumerate(layers) if _is_cached(layer)]
        streamed = [place for place, layer in enumerate(layers) if is_streamed(layer)]
        if cached and streamed:
            yield Cached(endpoint, cached[-1] > streamed[0])
        elif cached and _refers_to(layers[-1], app.extensions[EXTENSION].owner()):
            yield Cached(endpoint, False)


def _is_cached(layer: Any) -> bool:
    """Is this Flask-Caching's own wrapper, not another wrapper that has copied its attributes?"""
    attributes = getattr(layer, "__dict__", {})
    wrapped = attributes.get("__wrapped__")
    return wrapped is not None and attributes.get("uncached") is wrapped


def _refers_to(function: Any, thing: object) -> bool:
    """Does the function use this object, as a global name or from its closure?"""
    code = getattr(function, "__code__", None)
    if thing is None or code is None:
        return False
    used = [function.__globals__.get(name) for name in code.co_names]
    used += [value for cell in function.__closure__ or () for value in contents_of(cell)]
    return any(value is thing for value in used)


def _response_attributes(hook: Any) -> Tuple[Set[str], Set[str]]:
    """The attributes of the response that a hook reads, and those that it sets. The response is the
    hook's last argument."""
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
