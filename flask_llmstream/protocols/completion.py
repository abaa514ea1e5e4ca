"""``ChatRequest``: the checked fields of a request of any protocol. Each error names its field.

Standard library only, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Container, Mapping, Optional

from ..errors import RequestError, UnknownModel
from ..records import CompletionRequest
from .fields import ANSWERED_HERE, CHECKS, checked_fields, shown
from .forwarding import other_fields, within_caps
from .request_limits import RequestLimits

COUNTER = "counter"
"""The model that answers a request without prompt and messages."""


@dataclass(frozen=True)
class ChatRequest:
    """One request to a chat endpoint, checked.

    :param completion: the request for the provider.
    :param speaks_openai: whether the client sent ``messages``.
    :param stream: whether the client wants deltas rather than one object.
    :param include_usage: whether the client wants a chunk with the token counts.
    """

    completion: CompletionRequest
    speaks_openai: bool = False
    stream: bool = True
    include_usage: bool = False


def parse_chat(
    fields: Mapping[str, Any],
    models: Container[str],
    default_model: str,
    limits: RequestLimits,
    unknown_fields: str = "forward",
) -> ChatRequest:
    """Check the fields of a request.

    :param models: the names that ``model`` may have.
    :param default_model: the model of a request that names none.
    :param unknown_fields: what becomes of a field that is not known here: ``forward``, ``ignore``
        or ``refuse``.
    :raises RequestError: a field has the wrong type, is too long or missing, asks for something
        that there is not, or is unknown and refused.
    :raises RequestTooLarge: all fields together are too long.
    :raises UnknownModel: ``model`` is not one of the models.
    """
    values = {**checked_fields(fields), **other_fields(fields, unknown_fields)}
    sent_on = {name: value for name, value in values.items() if name not in ANSWERED_HERE}
    limits.check(sent_on)
    prompt, messages = sent_on.pop("prompt", None), tuple(sent_on.pop("messages", ()))
    if prompt is None and not messages:
        model = _counter(values.get("model"), fields, models)
    else:
        model = known_model(values.get("model", default_model), models)
    stream = values.get("stream", not messages)
    if not stream and not messages:
        raise RequestError("only an answer to messages can come whole", field="stream")
    options = within_caps(sent_on, limits.tokens)
    completion = CompletionRequest(model, prompt, messages, options, limits.tokens or None)
    include_usage = values.get("stream_options", {}).get("include_usage") or False
    return ChatRequest(completion, bool(messages), stream, include_usage)


def known_model(name: str, models: Container[str]) -> str:
    """The same name.

    :raises UnknownModel: no model has it.
    """
    if name not in models:
        raise UnknownModel(f"there is no model {name[:100]!r}", field="model")
    return name


def _counter(name: Optional[str], fields: Mapping[str, Any], models: Container[str]) -> str:
    """The model of a request that asks nothing. One that asks in fields that are not known, or
    asks another model, gets an error."""
    if name is None:
        unknown = next((each for each in fields if each not in CHECKS), None)
        if unknown is not None:
            message = f"give messages, or a prompt; there is no field '{shown(unknown)}'"
            raise RequestError(message, field="messages")
    elif known_model(name, models) != COUNTER:
        raise RequestError(f"the model {name!r} needs one, or messages", field="prompt")
    return COUNTER
