"""The routes that ask no model, described: the models, the browser client, the description."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ...protocols.description import Schema, ref
from .operations import Terms
from .responses import REQUEST_ID, failure, success

MODEL: Schema = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "model"},
        "created": {"type": "integer", "description": "The Unix time when the process began."},
        "owned_by": {"type": "string"},
    },
    "required": ["id", "object", "created", "owned_by"],
}
MODEL_LIST: Schema = {
    "type": "object",
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": ref("Model")}},
    "required": ["object", "data"],
}

_NAME = {
    "name": "model",
    "in": "path",
    "required": True,
    "description": "The name. It may have slashes, which a client escapes.",
    "schema": ref("ModelName"),
}
_TEXT: Schema = {"type": "string"}
_NOT_MODIFIED = {"304": {"description": "The client has the file already.", "headers": REQUEST_ID}}


def other_paths(terms: Terms) -> Dict[str, Dict[str, Any]]:
    """The path items."""
    one = _get("model", "Describe a model", {"application/json": {"schema": ref("Model")}})
    one["parameters"] = [_NAME]
    one["responses"]["404"] = failure("404", "There is no such model.")
    client = _get("client", "The client for browsers", {"text/javascript": {"schema": _TEXT}})
    client["responses"].update(_NOT_MODIFIED)
    description = {"application/json": {"schema": {"type": "object"}}}
    paths = {
        "/models": _get(
            "models", "List the models", {"application/json": {"schema": ref("ModelList")}}
        ),
        "/models/{model}": one,
        "/llmstream.js": client,
        "/openapi.json": _get("openapi", "Describe these routes", description),
    }
    if terms.has_page:
        page = _get("docs", "Show this description", {"text/html": {"schema": _TEXT}})
        page["responses"].update(_NOT_MODIFIED)
        paths["/docs"] = page
    return {path: {"get": operation} for path, operation in paths.items()}


def _get(name: str, summary: str, content: Mapping[str, Any]) -> Dict[str, Any]:
    responses = {
        "200": success("The answer.", content),
        "4XX": failure("4XX", "A refusal, of the application's guard for one."),
        "5XX": failure("5XX", "An error of the application."),
    }
    tag = "models" if name in ("models", "model") else "this API"
    return {"operationId": name, "tags": [tag], "summary": summary, "responses": responses}
