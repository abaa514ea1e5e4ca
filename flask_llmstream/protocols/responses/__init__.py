"""``POST /responses``: OpenAI's responses, with the whole conversation in each request.

Source: OpenAI's reference, "Responses", "Create a model response".
"""

from __future__ import annotations

from .protocol import Responses

__all__ = ["Responses"]
