"""``Asked``: what a response repeats of its request, and the object that is made of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional

Keep = Callable[[Dict[str, Any]], None]
"""Takes the response object of an answer that has ended, to keep it."""


@dataclass(frozen=True)
class Asked:
    """What a response repeats of its request.

    :param model: the model's name in the request.
    :param repeated: the other members, such as ``instructions`` and ``tools``.
    :param created_at: the Unix time of the request.
    :param background: whether the answer is made in the background.
    :param previous: the ID of the response that the request goes on from.
    """

    model: str
    repeated: Mapping[str, Any] = field(default_factory=dict)
    created_at: int = field(default_factory=lambda: int(time.time()))
    background: bool = False
    previous: Optional[str] = None

    def response(
        self,
        stream_id: str,
        status: str,
        output: List[Dict[str, Any]],
        *,
        usage: Optional[Mapping[str, Any]] = None,
        incomplete: Optional[str] = None,
        error: Optional[Mapping[str, Any]] = None,
    ) -> Dict[str, Any]:
        """The response object.

        :param status: ``in_progress``, ``completed``, ``incomplete`` or ``failed``.
        :param incomplete: why it is incomplete.
        """
        return {
            **self.repeated,
            "id": f"resp_{stream_id}",
            "object": "response",
            "created_at": self.created_at,
            "completed_at": int(time.time()) if status == "completed" else None,
            "status": status,
            "background": self.background,
            "error": error,
            "incomplete_details": None if incomplete is None else {"reason": incomplete},
            "model": self.model,
            "output": output,
            "previous_response_id": self.previous,
            "usage": usage,
        }
