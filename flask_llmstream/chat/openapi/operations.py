"""An operation of the description: what a protocol's route takes, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence

from ...app.config import Settings
from ...formats import BY_ACCEPT, FORMATS
from ...protocols.base import Protocol
from ...protocols.description import Description, Schema
from ...records import ErrorInfo
from ...wsgi.failure_response import formed
from .kept_streams import add_keeping
from .responses import failures, success


@dataclass(frozen=True)
class Terms:
    """What is in force at a mount.

    :param models: the names of the models.
    :param format: the format of the answers that no protocol and no query chooses; a name, a
        ``Format`` or a callable that makes one.
    :param is_kept: whether an answer that is an event stream is kept.
    :param has_page: whether the mount has the page that shows the description.
    """

    models: Sequence[str]
    settings: Settings
    format: Any
    is_kept: bool = False
    has_page: bool = False


def operation(protocol: Protocol, description: Description, terms: Terms) -> Dict[str, Any]:
    """The operation object of a protocol's route."""
    form, _ = formed(ErrorInfo("error", "", ""), protocol.failure)
    told: Dict[str, Any] = {
        "operationId": protocol.name,
        "tags": ["chat"],
        "summary": description.summary,
        "description": f"{description.text}\n\n{_limits(terms.settings)}".strip(),
        "parameters": list(description.parameters),
        "responses": {
            "200": success("The answer.", _answers(description, terms.format), description.headers),
            **failures(protocol.method, {form: {"schema": description.failure}}),
        },
    }
    if terms.is_kept:
        add_keeping(told, protocol.method, {form: {"schema": description.failure}})
    return told if protocol.method == "GET" else {**told, "requestBody": _body(description, terms)}


def _limits(settings: Settings) -> str:
    told = (
        f"A request may have at most {settings.max_body_bytes} bytes, and what is sent on of it "
        f"{settings.max_prompt_chars} characters."
    )
    if not settings.max_tokens:
        return told
    return f"{told} An answer has at most {settings.max_tokens} tokens."


def _body(description: Description, terms: Terms) -> Dict[str, Any]:
    schema = description.request
    if terms.settings.unknown_fields == "refuse" and not _is_closed(description):
        schema = {**schema, "unevaluatedProperties": False}
    media: Dict[str, Any] = {"schema": schema}
    if description.example is not None:
        media["example"] = description.example
    required = not description.may_be_empty
    return {"required": required, "content": {"application/json": media}}


def _is_closed(description: Description) -> bool:
    """Whether the schema of a request says itself what becomes of unknown fields."""
    name = str(description.request.get("$ref", "")).rpartition("/")[2]
    schema: Schema = description.schemas.get(name, description.request)
    return not {"additionalProperties", "unevaluatedProperties"}.isdisjoint(schema)


def _answers(description: Description, format: Any) -> Dict[str, Any]:
    answers: Dict[str, Any] = dict(description.answers)
    if not description.has_own_format:
        return answers
    if format == BY_ACCEPT:
        return {**answers, "application/json": _or_array(answers.get("application/json", {}))}
    content_type = getattr(FORMATS.get(format, format), "content_type", "*/*")
    answers.setdefault(content_type.partition(";")[0].strip(), {})
    return answers


def _or_array(media: Mapping[str, Any]) -> Dict[str, Any]:
    """A media type whose content may be an array as well, of all items of an answer."""
    kinds: List[Schema] = [{"type": "array"}]
    if "schema" in media:
        kinds.append(media["schema"])
    return {**media, "schema": {"anyOf": kinds}}
