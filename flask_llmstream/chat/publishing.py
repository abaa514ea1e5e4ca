"""The chat endpoints that ``init_app`` gives an app: where they are, and who may use them.

Roof: Flask.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Optional

from flask import Blueprint, Flask, request

from ..errors import ConfigurationError
from ..exceptions.handling import name_of
from ..sources.calls import called

Guard = Callable[[], Any]


def publish(app: Flask, chat: Blueprint, prefix: str, guard: Optional[Guard]) -> None:
    """Mount an app's chat endpoints.

    :raises ConfigurationError: the prefix is no rule, or the blueprint's name is taken.
    """
    if chat.name in app.blueprints:
        raise ConfigurationError(
            f"this app has a blueprint {chat.name!r} already; give that one another name, or set "
            "LLMSTREAM_URL_PREFIX = None where it is all you need"
        )
    if guard is not None:
        chat.before_request(_as_before_request(guard))
    try:
        app.register_blueprint(chat, url_prefix=prefix)
    except (ValueError, LookupError, SyntaxError) as error:  # of Werkzeug's, which compiles it
        raise ConfigurationError(f"LLMSTREAM_URL_PREFIX: {error}") from error


def refuse_to_guard_nothing(guard: Optional[Guard]) -> None:
    """
    :raises ConfigurationError: somebody relies on a guard where it has nothing to guard.
    """
    if guard is not None:
        raise ConfigurationError(
            "guard: this app has no chat endpoints that it could guard; give providers=, or set "
            "LLMSTREAM_URL_PREFIX. What streams.blueprint() makes is guarded by a before_request() "
            "of its own"
        )


def _as_before_request(guard: Guard) -> Guard:
    """``None`` lets a request pass, anything else is the answer.

    ``OPTIONS`` is let pass: it asks no model, and a preflight brings nothing to tell people by.
    """

    @functools.wraps(guard)
    def guarding() -> Any:
        if request.method == "OPTIONS":
            return None
        return _answer(guard)

    return guarding


def _answer(guard: Guard) -> Any:
    answer = called(guard)
    if isinstance(answer, bool):
        raise TypeError(
            f"guard: {name_of(guard) or guard!r} returned {answer}; return None where the request "
            "may pass, else an answer, or call abort(403)"
        )
    return answer
