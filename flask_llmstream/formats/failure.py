"""The form of a failure before the first byte, as OpenAI's clients and most others read it."""

from __future__ import annotations

from typing import Tuple

from ..records import ErrorInfo
from ..sse.json import json_bytes


def failure_as_json(failure: ErrorInfo) -> Tuple[str, bytes]:
    """A failure as JSON.

    :returns: its ``Content-Type`` and its body.
    """
    return "application/json", json_bytes({"error": failure.as_json()})
