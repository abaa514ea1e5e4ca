"""What is looked for at an application's first request, when all of it has been put together.

Roof: Flask.
"""

from __future__ import annotations

from typing import Any, Callable, List

from flask import Flask

from ..log import log_of


def at_first_request(app: Flask, look: Callable[[Flask], None], failed: str) -> None:
    """Have it looked for then, before whatever may answer the request. It can only log.

    :param failed: what the log says where the look itself raises.
    """
    looked: List[bool] = []

    def first(endpoint: Any, values: Any) -> None:
        if not looked:
            looked.append(True)  # two requests at once may both look, and log the same
            log_of(app).isolated(lambda: look(app), failed)

    app.url_value_preprocessors.setdefault(None, []).insert(0, first)
