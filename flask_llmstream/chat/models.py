"""The models of a blueprint: which they are, and what clients are told of them.

Source of the members: OpenAI's reference, "Models", "The model object".
"""

from __future__ import annotations

import time
from typing import Any, Dict, Mapping

from flask import Response, jsonify, request
from werkzeug.routing import BaseConverter

from ..errors import ConfigurationError
from ..protocols.completion import known_model
from ..providers import Provider, Router

NAME = "llmstream_model"
"""The variable of a rule that is a model's name, and its converter."""

_CREATED = int(time.time())
"""When this process began to have models, as a Unix time."""


class AnyName(BaseConverter):
    """Any text: a model's name may have slashes. A route of the application's own goes first."""

    regex = r"(?s:.+)"
    weight = 300
    part_isolating = False


class Models:
    """The views of the models.

    :param providers: the models by name; the first is the default.
    :raises ConfigurationError: one of them is none; the message says which.
    """

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = checked_providers(providers)

    def all(self) -> Response:
        """``GET /models``."""
        return jsonify({"object": "list", "data": [_model(name) for name in self._providers]})

    def one(self) -> Response:
        """``GET /models/<name>``.

        :raises UnknownModel: there is no such model.
        """
        arguments: Any = request.view_args
        return jsonify(_model(known_model(arguments[NAME], self._providers)))


def _model(name: str) -> Dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "local"}


def checked_providers(providers: Any) -> Mapping[str, Provider]:
    """The same providers.

    :raises ConfigurationError: this is no mapping, a name is no text, or a value is no
        :class:`Provider`; the message says which.
    """
    if isinstance(providers, Router):
        raise ConfigurationError("providers: is a Router; give its models, providers=router.models")
    if not isinstance(providers, Mapping):
        raise ConfigurationError(
            f"providers: has to be a mapping, not {type(providers).__name__}; give each model its "
            "name, as providers={'name': model}"
        )
    for name, provider in providers.items():
        _check_provider(f"providers[{name!r}]", name, provider)
    return providers


def _check_provider(key: str, name: Any, provider: Any) -> None:
    if not isinstance(name, str):
        raise ConfigurationError(f"{key}: a model's name has to be a text")
    if isinstance(provider, type) and issubclass(provider, Provider):
        raise ConfigurationError(f"{key}: is the class {provider.__name__}; make one of it")
    if isinstance(provider, Router) and not provider.knows(name):
        raise ConfigurationError(
            f"{key}: is a router without {name!r}; give it a default, or give providers="
            "router.models for all its names"
        )
    if not isinstance(provider, Provider):
        raise ConfigurationError(
            f"{key}: has to be a Provider, not {type(provider).__name__}; CallableProvider makes "
            "one of a function"
        )
