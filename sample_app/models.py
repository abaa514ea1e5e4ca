"""The models of the sample application: the environment chooses them, and ``/models.json`` tells
what each of them is."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping

from flask import Flask

from flask_llmstream import CallableProvider, Counter, OpenAICompatible, Provider

from . import model, weather


def providers(app: Flask) -> Dict[str, Provider]:
    """The models by name, the default first."""
    found = talking(app)
    found.setdefault("counter", Counter())
    return found


def talking(app: Flask) -> Dict[str, Provider]:
    """Those that write text. Without any the log says how to get one."""
    tool_caller = {weather.NAME: CallableProvider(weather.weather)}
    if os.environ.get("LLM_BASE_URL"):
        return {**other_server(os.environ), **tool_caller}
    if model.is_installed():
        return {**local_model(app), **tool_caller}
    app.logger.warning(
        "There is no model here, only the counter. To get one: %s", model.HOW_TO_GET_IT
    )
    return {}


def other_server(environ: Mapping[str, str]) -> Dict[str, Provider]:
    """The server that the environment names."""
    name = environ.get("LLM_MODEL") or "default"
    key = environ.get("LLM_API_KEY")
    return {name: OpenAICompatible(environ["LLM_BASE_URL"], key, model=name)}


def local_model(app: Flask) -> Dict[str, Provider]:
    """The model on this machine. The first request of all loads it."""
    local = model.LocalModel()

    @app.before_request
    def load() -> None:
        local.start()

    return {model.NAME: local}


def described(providers: Mapping[str, Provider]) -> List[Dict[str, Any]]:
    """What a page has to know of each model, in the order of the models.

    - ``id``: its name.
    - ``kind``: ``chat`` answers a conversation, ``tools`` calls a tool that the page has to run,
      ``counter`` counts, whatever it is asked.
    - ``max_tokens``: an answer ends there unless its request has another limit; ``null`` where its
      server decides.
    """
    return [
        {"id": name, "kind": _kind(provider), "max_tokens": _max_tokens(provider)}
        for name, provider in providers.items()
    ]


def _kind(provider: Provider) -> str:
    if isinstance(provider, Counter):
        return "counter"
    return "tools" if isinstance(provider, CallableProvider) else "chat"


def _max_tokens(provider: Provider) -> Any:
    return model.MAX_TOKENS if isinstance(provider, model.LocalModel) else None
