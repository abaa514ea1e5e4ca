"""Checks of an application at its first request, when everything is registered."""

from __future__ import annotations

from typing import Any, Callable

from flask import Flask

from ..log import log_of


def at_first_request(app: Flask, check: Callable[[Flask], None], failed: str) -> None:
    """Call ``check`` at the first request, before anything may answer it. What it raises is logged.

    :param failed: the log's line where the check raises.
    """

    def first(endpoint: Any, values: Any) -> None:
        # Two requests at once may both check, and log the same. The list is replaced, as the
        # requests that run iterate over the one that was there.
        functions = app.url_value_preprocessors
        functions[None] = [each for each in functions[None] if each is not first]
        log_of(app).isolated(lambda: check(app), failed)

    app.url_value_preprocessors.setdefault(None, []).insert(0, first)
