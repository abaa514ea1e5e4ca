"""``Description``: what ``GET /openapi.json`` says of a protocol. Standard library only, no I/O.

Source: the OpenAPI Specification 3.1, "Operation Object", "Media Type Object", "Schema Object".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Sequence

Schema = Mapping[str, Any]
"""A JSON Schema, 2020-12."""

SHARED = ("Error", "ErrorAnswer", "ModelName", "Usage")
"""The schemas that each description has, beside those of its protocols: the ``error`` object, the
answer ``{"error": …}``, the names of the models of this mount, OpenAI's ``usage``."""


def ref(name: str) -> Dict[str, Any]:
    """A reference to a schema: one of :data:`SHARED`, or of the description's own."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    """A schema that lets null pass, too."""
    kind = schema.get("type")
    if isinstance(kind, str) and not {"const", "enum"} & schema.keys():
        return {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]} if schema else {}


def json_event(title: str, data: Schema, name: Optional[str] = "message") -> Dict[str, Any]:
    """One kind of event, whose data is JSON.

    :param title: the kind, for people.
    :param data: the schema of the data.
    :param name: the event's type; ``None``: any. Default: ``message``, which is also the type of
        an event that has none.
    """
    text = {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
    return _event(title, text, name)


def text_event(title: str, data: Schema, name: Optional[str] = "message") -> Dict[str, Any]:
    """One kind of event, whose data is a text.

    :param data: the schema of the text. The others are as of :func:`json_event`.
    """
    return _event(title, {"type": "string", **data}, name)


def _event(title: str, data: Schema, name: Optional[str]) -> Dict[str, Any]:
    kind: Schema = {"type": "string"} if name is None else {"const": name}
    required = ["data"] if name in (None, "message") else ["event", "data"]
    members = {"event": kind, "data": data}
    return {"title": title, "type": "object", "properties": members, "required": required}


def event_stream(events: Sequence[Schema], example: str) -> Dict[str, Any]:
    """The media type object of an event stream.

    OpenAPI 3.1 has no word for the items of a stream, so the schema is that of *one event*, in the
    form of 3.2 ("Server-Sent Events"): an object with the members ``event`` and ``data``.

    :param events: one schema for each kind of event.
    :param example: a short stream as it is sent.
    """
    told = "One event of the stream."
    return {"schema": {"description": told, "anyOf": list(events)}, "example": example}


@dataclass(frozen=True)
class Description:
    """A protocol, described for people and programs.

    :param summary: a few words.
    :param text: more words, in CommonMark. Default: none.
    :param request: the schema of the body of a ``POST``. Fields that it does not name are passed
        on, left out or refused, as the application has it, unless it has ``additionalProperties``
        or ``unevaluatedProperties`` of its own. Default: any object.
    :param may_be_empty: whether a request without a body is one with an empty object. Default: no.
    :param example: the body of an example. Default: none.
    :param parameters: the parameters in the query and the headers, as Parameter Objects.
    :param answers: the good answers: by their media types, Media Type Objects. See
        :func:`event_stream`. Default: any answer.
    :param has_own_format: whether an answer may also have the format that the application gives its
        chat endpoints. Default: no.
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
    may_be_empty: bool = False
    example: Any = None
    parameters: Sequence[Mapping[str, Any]] = ()
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"*/*": {}})
    has_own_format: bool = False
    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failure: Schema = field(default_factory=lambda: ref("ErrorAnswer"))
    schemas: Mapping[str, Schema] = field(default_factory=dict)
