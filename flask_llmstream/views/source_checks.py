"""Errors for objects that can't be streamed. Each message says what to write instead."""

from __future__ import annotations

import inspect
import io
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from werkzeug.wrappers import Response

from ..exceptions.handling import name_of
from ..sources.emitter import Emitter


def refuse_one_item(source: Any) -> None:
    """
    :raises TypeError: the source can be iterated over, but is one item, not many.
    """
    if isinstance(source, (str, bytes, bytearray, memoryview, Mapping)):
        raise TypeError(f"source: has to give items, and is one {type(source).__name__}; use [it]")
    if isinstance(source, tuple) and source and is_iterator(source[0]):
        raise TypeError(
            "source: is a tuple with a status or headers; give its generator alone, and set those "
            "on the response, or return the tuple from a view of streams.view()"
        )


def stream_with_context_error(source: Any) -> TypeError:
    """The error for a generator that ``stream_with_context`` returned. Closes the generator."""
    source.close()
    return TypeError(
        "source: leave out stream_with_context(); request, session and g are there without it"
    )


def refuse_bytes(source: Any, format: Any) -> None:
    """
    :raises TypeError: the source gives bytes, but the format is one of the package's for text.
    """
    if not isinstance(format, str):  # a class may take bytes, as RawFormat does
        return
    if isinstance(source, (io.RawIOBase, io.BufferedIOBase)):
        raise TypeError(
            f"source: {type(source).__name__} gives bytes; give io.TextIOWrapper(it, 'utf-8'), or "
            "return send_file() for a download"
        )
    kind = type(source)  # to look at the source itself may run its own code
    if hasattr(kind, "iter_lines") and hasattr(kind, "iter_content"):
        raise TypeError(
            "source: this HTTP response gives bytes; give its iter_lines(decode_unicode=True), or "
            "have its event stream passed on as it is, with format=RawFormat"
        )


def not_iterable(source: Any) -> TypeError:
    """The error for an object that can't be iterated over. Closes a coroutine."""
    if inspect.iscoroutine(source):
        source.close()
    name = name_of(source) or type(source).__name__
    return TypeError(f"source: {name} is not iterable{_cure(source)}")


def check_create_function(function: Any) -> None:
    """Check a function for ``streams.create()``.

    :raises TypeError: it would never send: it was called already, or yields its items.
    """
    if not callable(function):
        kind = type(function).__name__
        raise TypeError(
            f"function: has to be callable, not {kind}; give create() the function itself, uncalled"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        name = name_of(function) or "function"
        raise TypeError(
            f"function: {name} yields its items and sends none; stream it with "
            f"streams.response({name}()), or have it call emitter.send()"
        )


def is_iterator(thing: Any) -> bool:
    """Whether it gives its items once, as a generator does."""
    return isinstance(thing, (Iterator, AsyncIterator))


def _cure(source: Any) -> str:
    if source is None:
        return "; give a generator, or whatever else can be iterated over"
    if inspect.iscoroutine(source):
        return " as it was not awaited; await it in an async generator, and give that"
    if isinstance(source, Response):
        return "; it is a response already, so return it"
    if isinstance(source, Emitter):
        return "; return its response()"
    if isinstance(source, type):
        return "; it is a class, so make one of it, and give that"
    if is_dataclass(source):
        return "; it is one item, so use [it]"
    return "; call it, or use streams.view()" if callable(source) else ""
