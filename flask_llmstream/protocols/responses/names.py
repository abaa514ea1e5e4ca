"""The names of fields, in the words of the Responses API."""

from __future__ import annotations

import re
from typing import Mapping

FIELD_NAMES: Mapping[str, str] = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
    "reasoning_effort": "reasoning.effort",
}
"""The names by those of a chat completion, where they differ."""

_PATH = re.compile(r"(\w+)(.*)", re.DOTALL)


def renamed(field: str) -> str:
    """The name of a field that a model's server gave: ``max_tokens``, ``messages[2].content``,
    ``tools[0].function.name``.

    The place of a message says nothing of the place of an item, so it is left out.
    """
    found = _PATH.fullmatch(field)
    if found is None:
        return field
    outermost, path = found.groups()
    if outermost == "messages":
        path = ""
    path = re.sub(r"\.(function|json_schema)(?=\.|$)", "", path)
    return FIELD_NAMES.get(outermost, outermost) + path
