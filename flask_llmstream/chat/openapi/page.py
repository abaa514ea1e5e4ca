"""The page that shows the description: Swagger UI, from the package that the extra ``docs`` has.

All its files come from this application. Nothing is loaded from elsewhere, and nothing is told to
a validator elsewhere.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from flask import Flask, Response, request, send_from_directory
from werkzeug.exceptions import NotFound

from ...errors import ConfigurationError
from ..own_settings import OwnSettings

_STATIC = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "static")
_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")
_OWN_FILES = ("docs.js",)
FILE = "llmstream_file"
"""The variable of a rule that is the name of one of the page's files."""


class Page:
    """The views of the page."""

    def __init__(self, own: OwnSettings) -> None:
        self._own = own

    def is_wanted(self, app: Flask) -> bool:
        """Whether an app that mounts the blueprint has the page.

        :raises ConfigurationError: it has, and there is nothing to show, or Swagger UI is missing.
        """
        if self._own.at_mount(app, "docs") is not True:
            return False
        if self._own.at_mount(app, "openapi") is False:
            raise ConfigurationError("docs: shows the description; leave out openapi = False")
        _directory()
        return True

    def show(self) -> Response:
        """``GET /docs``."""
        return send_from_directory(_STATIC, "docs.html", mimetype="text/html")

    def file(self) -> Response:
        """``GET /docs/<file>``."""
        arguments: Any = request.view_args
        name = arguments[FILE]
        if name in _OWN_FILES:
            return send_from_directory(_STATIC, name, mimetype="text/javascript")
        if name in _FILES:
            return send_from_directory(_directory(), name)
        raise NotFound


def _directory() -> str:
    """The directory of Swagger UI's files.

    :raises ConfigurationError: they are missing.
    """
    found = find_spec("flask_swagger_ui")
    if found is None or found.origin is None:
        raise ConfigurationError("docs: needs Swagger UI: pip install 'flask-llmstream[docs]'")
    return os.path.join(os.path.dirname(found.origin), "dist")
