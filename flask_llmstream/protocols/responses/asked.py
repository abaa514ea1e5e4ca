"""``repeated``: the members of a response that repeat what its request asked for."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from .. import checks

_USUAL: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": None,
    "top_p": None,
    "user": None,
}
"""The members, and the value of each that a request does not give."""


def repeated(fields: Mapping[str, Any]) -> Dict[str, Any]:
    """These members. A value whose default is the server's is null. The input is never cut, so
    ``truncation`` is ``disabled``."""
    said = checks.given({name: fields.get(name) for name in _USUAL})
    return {**_USUAL, **said, "truncation": "disabled"}
