"""Which failure of a member leads to the next one, and which is told where all have failed.

No I/O.
"""

from __future__ import annotations

import math
from typing import Sequence, Tuple

from werkzeug.exceptions import HTTPException

from ...errors import ProviderError, RequestError, StreamError, StreamRefused

_WRONG_REQUEST = frozenset({400, 411, 413, 414, 415, 422, 451})
"""The statuses of a request that is wrong, wherever it is sent."""


def leads_on(error: Exception) -> bool:
    """Whether another member may do better.

    It may not where the request is at fault, and where code of the application has chosen the
    answer itself, with a :class:`StreamError` or an HTTP exception. A :class:`RequestError` says
    what this one model can't do, and another one may.
    """
    if isinstance(error, ProviderError):
        return error.status not in _WRONG_REQUEST
    if isinstance(error, (RequestError, StreamRefused)):
        return True
    return not isinstance(error, (StreamError, HTTPException))


def most_helpful(errors: Sequence[Exception]) -> Exception:
    """The error to tell where each member has failed: the one with the shortest ``Retry-After``,
    else the first. The refusal of a request is told where there is nothing else to tell."""
    return min(errors, key=_rank)


def _rank(error: Exception) -> Tuple[bool, float]:
    after = getattr(error, "retry_after", None) if isinstance(error, StreamError) else None
    return isinstance(error, RequestError), math.inf if after is None else after
