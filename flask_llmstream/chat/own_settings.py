"""``OwnSettings``: the settings and options of one blueprint, which differ from its app's."""

from __future__ import annotations

import dataclasses
from typing import Any, FrozenSet, Mapping, NamedTuple, Optional

from flask import Flask

from ..app.config import PREFIX, Settings
from ..app.state import AppState, app_state
from ..keywords import BlueprintSettings, ResponseOptions
from ..stream.limits import StreamLimiter
from ..stream.options import StreamOptions, check_names

_STREAM_LIMITS = {"max_streams", "max_streams_per_client", "client_key"}
_SETTINGS = BlueprintSettings.__annotations__.keys() - ResponseOptions.__annotations__.keys()
"""The settings that a blueprint can have of its own. It can have all stream options, too."""
_GIVEN_ELSEWHERE = {
    **dict.fromkeys(("url_prefix", "subdomain", "host"), "give it to app.register_blueprint()"),
    "guard": "have the blueprint's before_request() call it",
}


class InForce(NamedTuple):
    """The settings of one blueprint in one app.

    :ivar options: the options of a stream. Its format is ``message`` unless the blueprint has one.
    :ivar allowed_origins: the origins whose pages may ask.
    :ivar slots: where a stream takes its slot: with the blueprint's own limits, where it has some.
    """

    settings: Settings
    options: StreamOptions
    allowed_origins: FrozenSet[str]
    slots: StreamLimiter


class OwnSettings:
    """The settings of one blueprint, in any app that mounts it.

    :param changes: the settings and stream options that differ from the app's.
    :raises TypeError: there is no such setting.
    :raises ConfigurationError: a setting or an option can't work; the message names it.
    """

    def __init__(self, changes: Mapping[str, Any]) -> None:
        known = [*BlueprintSettings.__annotations__, "providers"]
        check_names(changes, known, _GIVEN_ELSEWHERE)
        self._settings = {key: value for key, value in changes.items() if key in _SETTINGS}
        self._options = {key: value for key, value in changes.items() if key not in _SETTINGS}
        Settings(**self._settings)
        StreamOptions().merged(**self._options)

    def in_force(self) -> InForce:
        """The settings in force in the current app. They are merged at its first request."""
        state = app_state()
        found: Optional[InForce] = state.in_force.get(self)
        return found or state.in_force.setdefault(self, self._merged(state))

    def at_mount(self, app: Flask, name: str) -> Any:
        """A setting where an app mounts the blueprint, which may be before ``init_app``."""
        default = app.config.get(PREFIX + name.upper(), getattr(Settings, name))
        return self._settings.get(name, default)

    @property
    def format(self) -> Any:
        """The blueprint's own format; ``None`` where it has none."""
        return self._options.get("format")

    def _merged(self, state: AppState) -> InForce:
        settings = dataclasses.replace(state.settings, **self._settings)
        chats = {"hold": settings.chat_hold, "format": "message", **self._options}
        has_slots = bool(_STREAM_LIMITS & self._settings.keys())
        return InForce(
            settings,
            state.options.merged(**chats),
            frozenset(settings.allowed_origins),
            state.slots_of(self, settings) if has_slots else state.slots,
        )
