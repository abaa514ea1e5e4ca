"""The description of one mount, as an OpenAPI document.

Source: the OpenAPI Specification 3.1.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, Sequence, Tuple
from urllib.parse import quote

from ...log import log
from ...protocols.base import Protocol
from ...protocols.description import Description
from ...protocols.descriptions.shared import shared_schemas
from .kept_streams import SCHEMAS as KEPT_SCHEMAS
from .kept_streams import kept_stream_paths
from .merge_patch import patched
from .operations import Terms, operation
from .other_routes import MODEL, MODEL_LIST, other_paths
from .ways_back import ways_back

_INTRODUCTION = (
    "The chat endpoints of this application. An error before the first byte has its true status "
    "and, unless the application answers it, the form that is described here. A later one is an "
    "event of the stream. Each answer has the ID of its request in `X-Request-ID`. "
    "A path that is not described gets 404, another method 405. "
    "The application may ask who you are, and refuse you (401, 403)."
)

_VERSION = "1"
"""Of the API. An application has a version of its own, and may say so."""


def document(
    title: str,
    path: str,
    protocols: Iterable[Protocol],
    terms: Terms,
    patch: Mapping[str, Any],
) -> Dict[str, Any]:
    """The description of a mount.

    :param path: the mount's path on its host, decoded, without a slash at its end.
    :param terms: the models and the settings in force.
    :param patch: what the application adds to the description, or changes.
    """
    described = [(protocol, _described(protocol)) for protocol in protocols]
    body = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": _VERSION, "description": _INTRODUCTION},
        "servers": [{"url": quote(path, safe="/:@!$&'()*+,;=~") or "/"}],
        "paths": _paths(described, terms),
        "components": {"schemas": _schemas((told for _, told in described), terms)},
    }
    return patched(body, patch)


def _described(protocol: Protocol) -> Description:
    """The protocol may be a third party's. If it can't say what it is, its name is told."""
    try:
        told: Any = protocol.describe()
        if isinstance(told, Description):
            return told
        raise TypeError(f"describe() has to return a Description, not {told!r:.60}")
    except Exception:
        log.exception("the protocol %s has its name alone in the description", protocol.name)
        return Description(protocol.name)


def _paths(
    described: Sequence[Tuple[Protocol, Description]], terms: Terms
) -> Dict[str, Dict[str, Any]]:
    """The path items. A protocol may have the path of another route, with another method."""
    paths: Dict[str, Dict[str, Any]] = {}
    for protocol, description in described:
        item = paths.setdefault(protocol.rule, {})
        item[protocol.method.lower()] = operation(protocol, description, terms)
    for path, others in {**other_paths(terms), **kept_stream_paths(), **ways_back()}.items():
        paths.setdefault(path, {}).update(others)
    return paths


def _schemas(descriptions: Iterable[Description], terms: Terms) -> Dict[str, Any]:
    schemas = {**shared_schemas(terms.models), "Model": MODEL, "ModelList": MODEL_LIST}
    schemas.update(KEPT_SCHEMAS)
    for description in descriptions:
        schemas.update(description.schemas)
    return schemas
