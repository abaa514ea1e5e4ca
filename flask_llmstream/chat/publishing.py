"""``publish``: mounts the chat endpoints that ``init_app`` gives an app, behind its guard."""

from __future__ import annotations

import functools
from typing import Any, Callable, Optional

from flask import Blueprint, Flask, request

from ..app.config import as_key
from ..errors import ConfigurationError
from ..exceptions.handling import name_of
from ..sources.calls import called
from .streams import has_good_ticket

Guard = Callable[[], Any]
"""Returns ``None`` to let a request pass; anything else is the answer."""


def publish(app: Flask, chat: Blueprint, prefix: str, guard: Optional[Guard]) -> None:
    """Mount an app's chat endpoints.

    :param guard: runs before each request but ``OPTIONS``. Default: none.
    :raises ConfigurationError: the prefix is no URL rule, the blueprint's name is taken, or a
        setting can't work there.
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
    except ConfigurationError as error:
        raise as_key(error) from None
    except (ValueError, LookupError, SyntaxError) as error:  # Werkzeug compiles the rule
        raise ConfigurationError(f"LLMSTREAM_URL_PREFIX: {error}") from error


def refuse_to_guard_nothing(guard: Optional[Guard]) -> None:
    """Refuse a guard where no chat endpoints are mounted: its author relies on it.

    :raises ConfigurationError: there is a guard.
    """
    if guard is not None:
        raise ConfigurationError(
            "guard: this app has no chat endpoints that it could guard; give providers=, or set "
            "LLMSTREAM_URL_PREFIX. What streams.blueprint() makes is guarded by a before_request() "
            "of its own"
        )


def _as_before_request(guard: Guard) -> Guard:
    """The guard as a ``before_request`` function.

    ``OPTIONS`` always passes: it runs no model, and a preflight brings no credentials to check. So
    does who reads a stream with a ticket: somebody whom the guard let pass has got it.
    """

    @functools.wraps(guard)
    def guarding() -> Any:
        if request.method == "OPTIONS" or has_good_ticket():
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
