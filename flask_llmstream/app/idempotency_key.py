"""The header ``Idempotency-Key``, as a request brings it.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import re
from typing import Optional

from flask import Request

from ..errors import RequestError

HEADER = "Idempotency-Key"

_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")


def sent_key(request: Request) -> Optional[str]:
    """The key, without the quotes that a string of RFC 9651 has; ``None`` for none.

    :raises RequestError: the key can't be used.
    """
    sent: Optional[str] = request.headers.get(HEADER)
    if sent is None:
        return None
    key = sent[1:-1] if len(sent) > 1 and sent[0] == sent[-1] == '"' else sent
    if not _KEY.fullmatch(key):
        raise RequestError("has to be 1 to 255 visible ASCII characters", field=HEADER)
    return key
