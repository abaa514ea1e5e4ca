"""What a request accepts."""

from __future__ import annotations

from typing import FrozenSet, Optional

from flask import Request


def accepted_types(request: Optional[Request]) -> FrozenSet[str]:
    """The media types that its ``Accept`` names, without their parameters, in lower case. One with
    ``q=0`` is not accepted."""
    if request is None or "HTTP_ACCEPT" not in request.environ:
        return frozenset()
    kinds = [kind for kind, quality in request.accept_mimetypes if quality]
    return frozenset(kind.partition(";")[0].strip().lower() for kind in kinds)


def may_name(request: Optional[Request], media_type: str) -> bool:
    """Whether its ``Accept`` may be found to name a media type, when it is read."""
    return request is not None and media_type in request.environ.get("HTTP_ACCEPT", "").lower()
