"""``AppState``: the extension's state for one app, in ``app.extensions["llmstream"]``."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any, Dict, List, Optional

from flask import Flask, current_app, request

from ..errors import ConfigurationError
from ..replay.base import ReplayStorage
from ..replay.storages import storage_of
from ..sources.calls import called
from ..stream.limits import StreamLimiter
from ..stream.options import StreamOptions
from .config import Settings, as_key

EXTENSION = "llmstream"


class AppState:
    """One app's settings, the default options of its streams, and its limits.

    :param owner: the extension object that made it.
    :ivar slots: the app's limits; a stream takes a slot while it runs.
    :ivar replay: keeps the streams that can be resumed.
    :ivar in_force: what blueprints have made of these for their own endpoints, each by its key.
    :ivar ways_to_streams: the ways from the app's rules to its kept streams.
    """

    def __init__(self, owner: object, settings: Settings, options: StreamOptions) -> None:
        self.owner = weakref.ref(owner)
        self.settings = settings
        self.options = options
        self.slots = self._new_slots(settings)
        self.replay = _storage(settings)
        self.in_force: Dict[object, Any] = {}
        self.ways_to_streams: Dict[object, Any] = {}
        self._slots_of: Dict[object, StreamLimiter] = {}

    def slots_of(self, endpoints: object, settings: Settings) -> StreamLimiter:
        """The limits of a blueprint's endpoints, for endpoints with limits of their own."""
        if endpoints not in self._slots_of:
            self._slots_of.setdefault(endpoints, self._new_slots(settings))
        return self._slots_of[endpoints]

    @property
    def all_slots(self) -> List[StreamLimiter]:
        """The limits of the app and of its blueprints."""
        return [self.slots, *self._slots_of.values()]

    def _new_slots(self, settings: Settings) -> StreamLimiter:
        client_key = partial(called, settings.client_key or _remote_address)
        limits = settings.max_streams, settings.max_streams_per_client
        return StreamLimiter(*limits, client_key, owner=self.owner)


def _storage(settings: Settings) -> ReplayStorage:
    """
    :raises ConfigurationError: the storage can't be used; the message names the key.
    """
    try:
        return storage_of(settings.replay_url, settings.replay_limits, settings.replay_prefix)
    except ConfigurationError as error:
        raise as_key(error) from error


def _remote_address() -> Optional[str]:
    """The client's address. Behind a proxy Werkzeug's ``ProxyFix`` puts the true address here."""
    return request.remote_addr


def app_state() -> AppState:
    """The state of the current app.

    :raises ConfigurationError: ``init_app`` was not called with this app.
    """
    return state_of(current_app)


def state_of(app: Flask) -> AppState:
    """The state of an app.

    :raises ConfigurationError: as :func:`app_state`.
    """
    state: Optional[AppState] = app.extensions.get(EXTENSION)
    if state is None:
        raise ConfigurationError("call streams.init_app(app) before streaming from this app")
    return state
