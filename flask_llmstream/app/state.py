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
from ..stream.limits import Slots
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
        self.slots = _slots(settings)
        self._slots_of: Dict[object, Slots] = {}
        _states.add(self)

    def slots_of(self, endpoints: object, settings: Settings) -> Slots:
        """The slots of a blueprint's endpoints that have limits of their own."""
        return self._slots_of.setdefault(endpoints, _slots(settings))

    @property
    def all_slots(self) -> List[Slots]:
        """The app's, and those of its blueprints."""
        return [self.slots, *self._slots_of.values()]


_states: "weakref.WeakSet[AppState]" = weakref.WeakSet()
"""Those of all apps of this process, as a process is drained, and no app is at hand then."""

_unowned: "weakref.WeakSet[Slots]" = weakref.WeakSet()
"""Those that no extension object made."""


def register_slots(slots: Slots) -> Slots:
    """Have slots that belong to no app drained whenever some are."""
    _unowned.add(slots)
    return slots


def every_slots(owner: Optional[object] = None) -> List[Slots]:
    """The slots of all apps of this process, or of those that one extension object serves; with
    what belongs to none, as a process goes as a whole."""
    states = [state for state in _states if owner is None or state.owner() is owner]
    return [*_unowned, *(slots for state in states for slots in state.all_slots)]


def _slots(settings: Settings) -> Slots:
    client_key = partial(called, settings.client_key or _remote_address)
    return Slots(settings.max_streams, settings.max_streams_per_client, client_key)


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
