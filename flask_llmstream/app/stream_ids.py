"""The IDs of streams that are kept. Each is signed, for its owner.

So another's ID and one that never was are unknown, and one of the caller's own whose stream is kept
no more is told as such, without a question to the storage.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Iterable, List

from flask import Flask

from ..stream.ids import is_stream_id, new_stream_id
from .owner import NOBODY
from .secret_keys import is_signature, secret_keys, signature

_RANDOM, _SIGNATURE = 16, 8
"""The bytes of an ID."""


def signed_id(app: Flask, owner: str) -> str:
    """A new ID for a stream of this owner. Without ``SECRET_KEY`` it has no signature."""
    keys = _keys(app)
    if not keys:
        return new_stream_id()
    random = os.urandom(_RANDOM)
    signed = signature(keys[0], random + owner.encode())[:_SIGNATURE]
    return urlsafe_b64encode(random + signed).decode()


def is_signed_for(app: Flask, stream_id: str, owners: Iterable[str]) -> bool:
    """Whether an ID was given to one of these owners, or to nobody. Without ``SECRET_KEY`` each ID
    may have been."""
    keys = _keys(app)
    if not keys or not is_stream_id(stream_id):
        return is_stream_id(stream_id)
    raw = urlsafe_b64decode(stream_id)
    random, signed = raw[:_RANDOM], raw[_RANDOM:]
    return any([is_signature(signed, keys, random + each.encode()) for each in (*owners, NOBODY)])


def _keys(app: Flask) -> List[bytes]:
    return secret_keys(app, "stream ID")
