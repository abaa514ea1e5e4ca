"""What one app has of the extension, kept in ``app.extensions["llmstream"]``.

Roof: Flask.
"""

from __future__ import annotations

from typing import Dict, Optional

from flask import current_app

from .config import Settings
from .errors import ConfigurationError
from .options import StreamOptions
from .worker import Slots

EXTENSION = "llmstream"


class AppState:
    """One app's settings, its streams' defaults and its slots."""

    def __init__(self, settings: Settings, options: StreamOptions) -> None:
        self.settings = settings
        self.options = options
        self.slots = Slots(settings.max_streams)
        self._slots_of: Dict[str, Slots] = {}

    def slots_of(self, blueprint: str, limit: int) -> Slots:
        """The slots of a blueprint that has a limit of its own."""
        return self._slots_of.setdefault(blueprint, Slots(limit))


def app_state() -> AppState:
    """The current app's state.

    :raises ConfigurationError: ``init_app`` has not seen this app.
    """
    state: Optional[AppState] = current_app.extensions.get(EXTENSION)
    if state is None:
        raise ConfigurationError("call streams.init_app(app) before streaming from this app")
    return state
