"""Whether a callable of the application is asynchronous.

Standard library only, no I/O.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any


def is_async(function: Any) -> bool:
    """Whether a call returns a coroutine: the function was made by ``async def``, or the object's
    ``__call__``, or the function inside a ``partial``."""
    return any(map(inspect.iscoroutinefunction, _called(function)))


def yields_async(function: Any) -> bool:
    """Whether a call returns an asynchronous generator."""
    return any(map(inspect.isasyncgenfunction, _called(function)))


def _called(function: Any) -> Any:
    """The functions that a call may run: the object itself, or the ``__call__`` of its class."""
    while isinstance(function, functools.partial):
        function = function.func
    return function, getattr(type(function), "__call__", None)
