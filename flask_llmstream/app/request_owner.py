"""Whose request it is: what one client sent is shown to no other."""

from __future__ import annotations

from hashlib import sha256
from typing import Tuple

from flask import has_request_context, request, session

_LOGIN_USER_ID = "_user_id"
"""Where Flask-Login keeps the ID of its user, in the session."""


def request_owner() -> Tuple[str, str]:
    """The user that Flask-Login knows, and a digest of the credentials in ``Authorization``. Both
    are ``""`` for a client that shows neither."""
    if not has_request_context():
        return ("", "")
    credentials = request.headers.get("Authorization", "")
    digest = sha256(credentials.encode()).hexdigest() if credentials else ""
    return (str(session.get(_LOGIN_USER_ID, "")), digest)
