"""``retry_after_in`` and ``seconds_of``: when another try makes sense.

Standard library only, no I/O.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Mapping, Optional

_DECIMAL = re.compile(r"\d+(?:\.\d*)?", re.ASCII)
_MOST_DIGITS = 15


def retry_after_in(headers: Mapping[str, str]) -> Optional[str]:
    """The ``Retry-After`` of an answer; Azure's ``retry-after-ms``, which is more exact, if it has
    that."""
    exact = headers.get("Retry-After-Ms", "").strip()
    if _DECIMAL.fullmatch(exact):
        return str(float(exact[:_MOST_DIGITS]) / 1000)
    return headers.get("Retry-After")


def seconds_of(retry_after: Optional[str]) -> Optional[int]:
    """The seconds of a ``Retry-After`` (RFC 9110, section 10.2.3), rounded up; ``None`` if there
    are none. It is a number or a date, and some servers send fractions."""
    # Not by urllib3's Retry.parse_retry_after: it accepts 32 October, raises ValueError or
    # OverflowError at long numbers, and newer versions cut the time off at six hours.
    text = (retry_after or "").strip()
    if _DECIMAL.fullmatch(text):
        return math.ceil(float(text[:_MOST_DIGITS]))
    try:
        wait = parsedate_to_datetime(text) - datetime.now(timezone.utc)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return max(0, math.ceil(wait.total_seconds()))
