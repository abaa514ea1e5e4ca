"""``json_of``: encodes the items of an application's streams with the application's own JSON.

From Flask 2.2 on that is a provider, ``app.json``. Up to 2.2 it is a ``json_encoder`` of the
application or of a blueprint. Flask 2.2 has both.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from functools import partial
from typing import Any, Optional

import flask.json
from flask import Flask, Request, current_app, has_app_context

from ..sse.json import Default, Encode, asked_first, fast_json_by, json_by, json_line

_FlaskEncoder: Any = getattr(flask.json, "JSONEncoder", None)
_FlaskProvider: Any = getattr(getattr(flask.json, "provider", None), "DefaultJSONProvider", None)

_flask_default: Default = (_FlaskProvider or _FlaskEncoder()).default

_JSONS_OWN = (str, int, float, list, tuple, dict)


def _default_of_rare_types(value: Any) -> Any:
    """Flask's default for the types that it alone knows.

    orjson also asks for subclasses of JSON's own types. Flask never asks for these, even where they
    have an ``__html__``. For a dataclass our default gives the same, without a deep copy.
    """
    if isinstance(value, _JSONS_OWN) or is_dataclass(value):
        raise TypeError("it is encoded without Flask's default")
    return _flask_default(value)


_flask_json = fast_json_by(asked_first(_default_of_rare_types))
"""The encoder of an application that has Flask's own JSON."""


def json_of(app: Flask, request: Optional[Request]) -> Encode:
    """The function that encodes a stream's items as JSON. Called in the view, once a stream.

    An application that replaces only ``default`` is asked for the values that JSON does not have,
    and the layout stays compact. An application with its own ``dumps`` encodes all of the item.
    """
    encoder = _encoder_of(app, request) if _FlaskEncoder else None
    if encoder is None:
        return _by_provider(app, app.json)
    return _flask_json if encoder is _FlaskEncoder else _in_app_context(app, _by_encoder(encoder))


def _encoder_of(app: Any, request: Optional[Request]) -> Any:
    name = "_json_encoder" if _FlaskProvider else "json_encoder"  # 2.2 warns of the public one
    blueprint = None if request is None else app.blueprints.get(request.blueprint)
    return getattr(blueprint, name, None) or getattr(app, name)


def _by_encoder(encoder: Any) -> Encode:
    inherited = ("__init__", "encode", "iterencode")
    if all(getattr(encoder, name) is getattr(_FlaskEncoder, name) for name in inherited):
        return json_by(asked_first(encoder().default))
    return json_line(partial(flask.json.dumps, cls=encoder))


def _by_provider(app: Flask, provider: Any) -> Encode:
    if getattr(provider.dumps, "__func__", None) is not _FlaskProvider.dumps:
        return _in_app_context(app, json_line(provider.dumps))
    if provider.default is _flask_default:
        return _flask_json
    return _in_app_context(app, json_by(asked_first(provider.default)))


def _in_app_context(app: Flask, encode: Encode) -> Encode:
    """Encode inside an app context, also where the code that sends runs without one."""

    def encode_in_app_context(value: Any) -> bytes:
        if has_app_context() and current_app == app:
            return encode(value)
        with app.app_context():
            return encode(value)

    return encode_in_app_context
