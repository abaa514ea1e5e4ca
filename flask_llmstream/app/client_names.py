"""The client's names of fields, for the failures of the streams that answer its request."""

from __future__ import annotations

from typing import Mapping, Optional

from flask import Request

_NAMES = "flask_llmstream.client_names"
"""The key in ``environ``."""


def set_client_names(request: Request, names: Mapping[str, str]) -> None:
    """Name fields as the client knows them.

    :param names: its names of fields, or of places in them, by ours.
    """
    request.environ[_NAMES] = names


def client_names(request: Optional[Request]) -> Mapping[str, str]:
    """The client's names of fields, by ours. Empty where they are the same."""
    names: Mapping[str, str] = {} if request is None else request.environ.get(_NAMES, {})
    return names
