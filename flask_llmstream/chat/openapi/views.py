"""The views: the description of the current request's mount, and the page that shows it."""

from __future__ import annotations

from typing import Mapping, Tuple

from flask import Flask, Response, current_app, request

from ...protocols.base import Protocol
from ...sse.json import json_bytes
from ..own_settings import OwnSettings
from .document import document
from .operations import Terms

RULE = "/openapi.json"


class APIDescription:
    """Describes one blueprint, wherever it is mounted.

    :param models: the models; only their names are told.
    :param protocols: what the blueprint speaks.
    """

    def __init__(
        self, models: Mapping[str, object], protocols: Tuple[Protocol, ...], own: OwnSettings
    ) -> None:
        self._models = models
        self._protocols = protocols
        self._own = own

    def is_wanted(self, app: Flask) -> bool:
        """Whether an app that mounts the blueprint has the description."""
        return self._own.at_mount(app, "openapi") is not False

    def document(self) -> Response:
        """``GET /openapi.json``."""
        own = self._own.in_force()
        blueprint = (request.endpoint or "").rpartition(".")[0]
        has_page = f"{blueprint}.docs" in current_app.view_functions
        described = document(
            f"{current_app.name}: chat",
            (request.script_root + request.path)[: -len(RULE)],
            self._protocols,
            Terms(
                [*self._models],
                own.settings,
                own.options.format,
                own.options.reconnect == "resume",
                has_page,
            ),
            own.settings.openapi if isinstance(own.settings.openapi, Mapping) else {},
        )
        return Response(json_bytes(described), mimetype="application/json")
