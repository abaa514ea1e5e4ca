"""The keys that sign what clients get and send back, made of the application's ``SECRET_KEY``."""

from __future__ import annotations

import hmac
from typing import Any, List

from flask import Flask


def secret_keys(app: Flask, purpose: str) -> List[bytes]:
    """The keys for one purpose: first the one that signs, then those of
    ``SECRET_KEY_FALLBACKS``, which are accepted, too. None where the app has no ``SECRET_KEY``."""
    key, older = app.config.get("SECRET_KEY"), app.config.get("SECRET_KEY_FALLBACKS") or ()
    if not key:
        return []
    known = [key, *([older] if isinstance(older, (str, bytes)) else older)]
    about = f"flask_llmstream {purpose}".encode()
    return [signature(_as_bytes(each), about) for each in known if each]


def signature(key: bytes, value: bytes) -> bytes:
    """The HMAC of a value, with SHA-256."""
    return hmac.new(key, value, "sha256").digest()


def is_signature(signed: bytes, keys: List[bytes], value: bytes) -> bool:
    """Whether one of the keys has signed a value. The time that it takes tells nothing.

    :param signed: the signature, or its beginning.
    """
    made = (signature(key, value)[: len(signed)] for key in keys)
    return any([hmac.compare_digest(signed, each) for each in made])


def _as_bytes(key: Any) -> bytes:
    return key if isinstance(key, bytes) else str(key).encode()
