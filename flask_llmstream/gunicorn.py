"""For ``gunicorn.conf.py``: one line, and open streams have their farewell before a worker goes.

::

    from flask_llmstream.gunicorn import post_worker_init
"""

from __future__ import annotations

from typing import Any

from .app_state import every_slots
from .drain import FAREWELL_SECONDS, drain
from .sigterm import on_sigterm

_MARGIN_SECONDS = 1.0
"""gunicorn's gevent worker looks once a second whether its connections have ended."""


def post_worker_init(worker: Any) -> None:
    """Have SIGTERM let the worker's streams end within gunicorn's ``graceful_timeout``.

    A function of that name of your own calls this one in its turn.
    """
    seconds = max(worker.cfg.graceful_timeout - FAREWELL_SECONDS - _MARGIN_SECONDS, 0)
    on_sigterm(lambda: drain(every_slots(), seconds))
