"""The application's own JSON, for what its streams send.

Roof: Flask. From 2.2 on it is a provider, ``app.json``; up to then a ``json_encoder``, of the
application or of a blueprint. 2.2 has both.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from functools import partial
from typing import Any

import flask.json
from flask import Flask, current_app, has_app_context, has_request_context, request

from ..sse.json import Default, Encode, asked_first, fast_json_by, json_by, json_line

_OwnEncoder: Any = getattr(flask.json, "JSONEncoder", None)
_OwnProvider: Any = getattr(getattr(flask.json, "provider", None), "DefaultJSONProvider", None)

_own_default: Default = (_OwnProvider or _OwnEncoder()).default


_JSONS_OWN = (str, int, float, list, tuple, dict)


def _own_but_ours(value: Any) -> Any:
    """Of a subclass of JSON's own types orjson asks; Flask's JSON never does, whatever its
    ``__html__`` is. Of a dataclass ours gives the same, without a copy of all that is in it."""
    if isinstance(value, _JSONS_OWN) or is_dataclass(value):
        raise TypeError("it is known without Flask's")
    return _own_default(value)


_own = fast_json_by(asked_first(_own_but_ours))
"""By an application that has left its JSON as Flask has it."""


def json_of(app: Flask) -> Encode:
    """What makes JSON of a stream's items. Asked in the view, once a stream.

    An application that says only what stands for values that JSON does not have (``default``) is
    asked for these, and the layout stays compact. One with a ``dumps`` of its own makes all of it.
    """
    encoder = _encoder_of(app) if _OwnEncoder else None
    if encoder is None:
        return _by_provider(app, app.json)
    return _own if encoder is _OwnEncoder else _inside(app, _by_encoder(encoder))


def _encoder_of(app: Any) -> Any:
    name = "_json_encoder" if _OwnProvider else "json_encoder"  # 2.2 warns of the public one
    blueprint = app.blueprints.get(request.blueprint) if has_request_context() else None
    return getattr(blueprint, name, None) or getattr(app, name)


def _by_encoder(encoder: Any) -> Encode:
    inherited = ("__init__", "encode", "iterencode")
    if all(getattr(encoder, name) is getattr(_OwnEncoder, name) for name in inherited):
        return json_by(asked_first(encoder().default))
    return json_line(partial(flask.json.dumps, cls=encoder))


def _by_provider(app: Flask, provider: Any) -> Encode:
    if getattr(provider.dumps, "__func__", None) is not _OwnProvider.dumps:
        return _inside(app, json_line(provider.dumps))
    if provider.default is _own_default:
        return _own
    return _inside(app, json_by(asked_first(provider.default)))


def _inside(app: Flask, encode: Encode) -> Encode:
    """The same in a context of the app, also for who sends from elsewhere."""

    def encode_inside(value: Any) -> bytes:
        if has_app_context() and current_app == app:
            return encode(value)
        with app.app_context():
            return encode(value)

    return encode_inside
