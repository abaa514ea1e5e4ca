"""``Description``: what ``GET /openapi.json`` says of a protocol. Standard library only, no I/O.

Source: the OpenAPI Specification 3.1, "Operation Object", "Media Type Object", "Schema Object".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Sequence

Schema = Mapping[str, Any]
"""A JSON Schema, 2020-12."""

SHARED = ("Error", "ErrorAnswer", "ModelName", "Usage")
"""The schemas that each description has, beside those of its protocols: the ``error`` object, the
answer ``{"error": …}``, the names of the models of this mount, OpenAI's ``usage``."""


def ref(name: str) -> Dict[str, Any]:
    """A reference to a schema: one of :data:`SHARED`, or of the description's own."""
    return {"$ref": f"#/components/schemas/{name}"}


def event_stream(events: Sequence[Schema], example: str) -> Dict[str, Any]:
    """The media type object of an event stream.

    OpenAPI 3.1 has no word for the items of a stream. So the schema is that of *one event's data*.

    :param events: the schemas of the data, one for each kind of event. Only one of them may fit.
    :param example: a short stream as it is sent.
    """
    told = "The data of one event of the stream."
    return {"schema": {"description": told, "oneOf": list(events)}, "example": example}


@dataclass(frozen=True)
class Description:
    """A protocol, described for people and programs.

    :param summary: a few words.
    :param text: more words, in CommonMark. Default: none.
    :param request: the schema of the body of a ``POST``. Fields that it does not name are passed
        on, left out or refused, as the application has it, unless it has ``additionalProperties``
        or ``unevaluatedProperties`` of its own. Default: any object.
    :param example: the body of an example. Default: none.
    :param parameters: the parameters in the query and the headers, as Parameter Objects.
    :param answers: the good answers: by their media types, Media Type Objects. See
        :func:`event_stream`. Default: any answer.
    :param headers: the headers of a good answer that only this protocol has: by their names, Header
        Objects.
    :param failure: the schema of the answer to a request that fails before its first byte. Its
        media type is the one of ``Protocol.failure``. Default: OpenAI's.
    :param schemas: the schemas that these refer to, by their names. Two protocols of one
        application may share a name only where its schemas are equal.
    """

    summary: str
    text: str = ""
    request: Schema = field(default_factory=lambda: {"type": "object"})
    example: Any = None
    parameters: Sequence[Mapping[str, Any]] = ()
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"*/*": {}})
    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failure: Schema = field(default_factory=lambda: ref("ErrorAnswer"))
    schemas: Mapping[str, Schema] = field(default_factory=dict)
