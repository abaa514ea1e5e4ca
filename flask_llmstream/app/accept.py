"""What the current request accepts."""

from __future__ import annotations

from typing import FrozenSet

from flask import has_request_context, request


def accepted_types() -> FrozenSet[str]:
    """The media types that its ``Accept`` names, without their parameters, in lower case. One with
    ``q=0`` is not accepted."""
    if not has_request_context() or "Accept" not in request.headers:
        return frozenset()
    kinds = [kind for kind, quality in request.accept_mimetypes if quality]
    return frozenset(kind.partition(";")[0].strip().lower() for kind in kinds)
