"""What a request may not ask for, since nothing is kept between requests but recent items."""

from __future__ import annotations

from typing import Any, Mapping

from ...errors import RequestError

_NOT_HERE = {
    "previous_response_id": "no responses are kept here; send the whole conversation as input",
    "conversation": "no conversations are kept here; send the whole conversation as input",
    "background": "no response is made in the background here; read it from this request",
    "prompt": "no prompt templates are kept here; send the text as instructions and input",
    "context_management": "no conversation is made shorter here; send what the model has to read",
    "messages": "belongs to /chat/completions; send it there, or send input",
}
"""The fields that are refused, each with the reason and the cure."""


def refuse_what_is_not_here(fields: Mapping[str, Any]) -> None:
    """Refuse a request that asks for something that there is not.

    :raises RequestError: the error names the field. Null, false, "" and an empty list ask for
        nothing.
    """
    for name, reason in _NOT_HERE.items():
        if fields.get(name):
            raise RequestError(reason, field=name)
