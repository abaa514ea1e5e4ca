"""``OwnSettings``: the settings and options of one blueprint, which differ from its app's."""

from __future__ import annotations

import dataclasses
from typing import Any, FrozenSet, Mapping

from ..app.config import Settings
from ..app.state import app_state
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

    def settings(self) -> Settings:
        """The settings in force in the current app."""
        of_app = app_state().settings
        return dataclasses.replace(of_app, **self._settings) if self._settings else of_app

    def options(self) -> StreamOptions:
        """The options of a stream in the current app. Its format is ``message`` unless the
        blueprint has one."""
        chats = {"hold": self.settings().chat_hold, "format": "message", **self._options}
        return app_state().options.merged(**chats)

    @property
    def format(self) -> Any:
        """The blueprint's own format; ``None`` where it has none."""
        return self._options.get("format")

    @property
    def allowed_origins(self) -> FrozenSet[str]:
        """The origins whose pages may ask."""
        return frozenset(self.settings().allowed_origins)

    def slots(self) -> StreamLimiter:
        """Where a stream takes its slot: with the blueprint's own limits, where it has some."""
        if _STREAM_LIMITS & self._settings.keys():
            return app_state().slots_of(self, self.settings())
        return app_state().slots
