"""Who may ask the models of the default chat endpoints.

Roof: Flask.
"""

from __future__ import annotations

import functools
from typing import Any, Callable

from flask import request

from .handling import name_of

Guard = Callable[[], Any]


def as_before_request(guard: Guard) -> Guard:
    """A guard, to be called before a request: ``None`` lets it pass, anything else is the answer.

    ``OPTIONS`` is let pass: it asks no model, and a preflight brings nothing to tell people by.
    """

    @functools.wraps(guard)
    def guarding() -> Any:
        if request.method == "OPTIONS":
            return None
        return _answer(guard)

    return guarding


def _answer(guard: Guard) -> Any:
    answer = guard()
    if isinstance(answer, bool):
        raise TypeError(
            f"guard: {name_of(guard) or guard!r} returned {answer}; return None where the request "
            "may pass, else an answer, or call abort(403)"
        )
    return answer
