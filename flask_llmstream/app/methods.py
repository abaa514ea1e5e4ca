"""Wraps methods of an application, as extensions do that see all of its requests."""

from __future__ import annotations

import functools
from functools import partial
from typing import Any, Callable, Optional

Method = Callable[..., Any]
Find = Callable[[], Method]
"""Returns the method that a wrapper calls."""


def wrap_method(app: Any, name: str, wrap: Callable[[Find], Method]) -> None:
    """Replace a method of an app by a wrapper round it.

    :param wrap: makes the wrapper.
    """
    method = functools.wraps(getattr(app, name))
    setattr(app, name, method(wrap(_finder(app, name))))


def _finder(app: Any, name: str) -> Find:
    """A function that returns the method that is set on the app. Without one it looks the method up
    on the app's class at each call, because a monitoring agent may patch the class later."""
    own: Optional[Method] = vars(app).get(name)
    return lambda: partial(getattr(type(app), name), app) if own is None else own
