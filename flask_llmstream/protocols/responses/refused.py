"""What a request may not ask for, because it is not here."""

from __future__ import annotations

from typing import Any, Mapping

from ...errors import RequestError

_NOT_HERE = {
    "conversation": "no conversations are kept here; send the whole conversation as input",
    "prompt": "no prompt templates are kept here; send the text as instructions and input",
    "context_management": "no conversation is made shorter here; send what the model has to read",
    "messages": "belongs to /chat/completions; send it there, or send input",
}
"""The fields that are refused, each with the reason and the cure."""

_NOT_KEPT = {
    "previous_response_id": (
        "no responses are kept here (LLMSTREAM_RECONNECT); send the whole conversation as input"
    ),
    "background": (
        "no responses are kept here (LLMSTREAM_RECONNECT), so none is made in the background; read "
        "it from this request"
    ),
}
"""The fields that are refused where no answer is kept."""


def refuse_what_is_not_here(fields: Mapping[str, Any], are_kept: bool) -> None:
    """Refuse a request that asks for something that there is not.

    :param are_kept: whether answers are kept.
    :raises RequestError: the error names the field. Null, false, "" and an empty list ask for
        nothing.
    """
    for name, reason in (_NOT_HERE if are_kept else {**_NOT_KEPT, **_NOT_HERE}).items():
        if fields.get(name):
            raise RequestError(reason, field=name)
