"""What one app has of the extension, kept in ``app.extensions["llmstream"]``.

Roof: Flask.
"""

from __future__ import annotations

import weakref
from functools import partial
from typing import Dict, List, Optional

from flask import current_app, request

from ..errors import ConfigurationError
from ..sources.calls import called
from ..stream.limits import StreamLimiter
from ..stream.options import StreamOptions
from .config import Settings

EXTENSION = "llmstream"


class AppState:
    """One app's settings, its streams' defaults and its slots.

    :param owner: the extension object that made it.
    """

    def __init__(self, owner: object, settings: Settings, options: StreamOptions) -> None:
        self.owner = weakref.ref(owner)
        self.settings = settings
        self.options = options
        self.slots = self._new_slots(settings)
        self._slots_of: Dict[object, StreamLimiter] = {}

    def slots_of(self, endpoints: object, settings: Settings) -> StreamLimiter:
        """The slots of a blueprint's endpoints that have limits of their own."""
        if endpoints not in self._slots_of:
            self._slots_of.setdefault(endpoints, self._new_slots(settings))
        return self._slots_of[endpoints]

    @property
    def all_slots(self) -> List[StreamLimiter]:
        """The app's, and those of its blueprints."""
        return [self.slots, *self._slots_of.values()]

    def _new_slots(self, settings: Settings) -> StreamLimiter:
        client_key = partial(called, settings.client_key or _remote_address)
        limits = settings.max_streams, settings.max_streams_per_client
        return StreamLimiter(*limits, client_key, owner=self.owner)


def _remote_address() -> Optional[str]:
    """The client's address; behind a proxy Werkzeug's ``ProxyFix`` makes it the true one."""
    return request.remote_addr


def app_state() -> AppState:
    """The current app's state.

    :raises ConfigurationError: ``init_app`` has not seen this app.
    """
    state: Optional[AppState] = current_app.extensions.get(EXTENSION)
    if state is None:
        raise ConfigurationError("call streams.init_app(app) before streaming from this app")
    return state
