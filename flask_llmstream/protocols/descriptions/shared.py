"""The schemas that each description of the API has, whatever its protocols: errors and counts."""

from __future__ import annotations

from typing import Any, Dict, Iterable

from ...records import MOST_TOKENS
from ..description import Schema, ref

ERROR: Schema = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "description": "One sentence for a person."},
        "type": {"type": "string", "description": "The kind of failure, which the status decides."},
        "param": {"type": ["string", "null"], "description": "The field that is wrong."},
        "code": {"type": "string", "description": "The class of failure, a stable word."},
        "id": {"type": "string", "description": "The ID of the request, which is in the log, too."},
        "field": {"type": "string", "description": "The same as `param`, where a field is wrong."},
    },
    "required": ["message", "type", "param", "code", "id"],
    "additionalProperties": False,
}

_COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": MOST_TOKENS}

USAGE: Schema = {
    "description": "What the model's server counted.",
    "type": "object",
    "properties": {
        "prompt_tokens": _COUNT,
        "completion_tokens": _COUNT,
        "total_tokens": {"type": "integer"},
        "prompt_tokens_details": {},
        "completion_tokens_details": {},
    },
    "required": ["prompt_tokens", "completion_tokens", "total_tokens"],
}


def shared_schemas(models: Iterable[str]) -> Dict[str, Schema]:
    """The schemas of ``SHARED``.

    :param models: the names of the models of this mount.
    """
    return {
        "Error": ERROR,
        "ErrorAnswer": error_answer(ref("Error")),
        "ModelName": {"description": "One of the models of `/models`.", "enum": list(models)},
        "Usage": USAGE,
    }


def error_answer(error: Schema) -> Dict[str, Any]:
    """The schema of an object whose only member is ``error``."""
    return {
        "type": "object",
        "properties": {"error": error},
        "required": ["error"],
        "additionalProperties": False,
    }
