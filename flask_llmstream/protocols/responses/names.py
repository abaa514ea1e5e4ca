"""The names of fields, in the words of the Responses API."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence

FIELD_NAMES: Mapping[str, str] = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "response_format.json_schema": "text.format",
    "verbosity": "text.verbosity",
    "reasoning_effort": "reasoning.effort",
}
"""The names by those of a chat completion, where they differ."""


def tool_names(tools: Sequence[Any]) -> Dict[str, str]:
    """The names of the functions, which are the tools themselves here."""
    return {f"tools[{index}].function": f"tools[{index}]" for index in range(len(tools))}
