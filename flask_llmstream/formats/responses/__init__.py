"""OpenAI's responses: an answer as items, in events or as one object.

Source: OpenAI's reference, "Responses", "The response object" and "Streaming events".
"""

from __future__ import annotations

from .asked import Asked, Keep
from .events import ResponseEvents
from .kept import event_in, failed_behind, frames_of, receipt, response_in, rest_behind
from .whole import WholeResponse

__all__ = [
    "Asked", "Keep", "ResponseEvents", "WholeResponse", "event_in", "failed_behind", "frames_of",
    "receipt", "response_in", "rest_behind",
]  # fmt: skip
