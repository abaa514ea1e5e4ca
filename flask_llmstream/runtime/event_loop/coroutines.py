"""Whether a callable of the application's is asynchronous.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any


def is_async(function: Any) -> bool:
    """Does it give a coroutine, that is, was it made by ``async def``? A class's ``__call__`` may
    have been, and what a ``partial`` calls."""
    return any(map(inspect.iscoroutinefunction, _called(function)))


def yields_async(function: Any) -> bool:
    """Does it give an asynchronous generator?"""
    return any(map(inspect.isasyncgenfunction, _called(function)))


def _called(function: Any) -> Any:
    """What runs when it is called: itself, or the method that its class has for that."""
    while isinstance(function, functools.partial):
        function = function.func
    return function, getattr(type(function), "__call__", None)
