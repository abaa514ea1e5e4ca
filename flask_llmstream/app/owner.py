"""Whose request it is: what belongs to one owner is shown to no other.

An owner is kept as a digest. So a storage knows no user's name and no session's secret.
"""

from __future__ import annotations

import json
import os
import sys
from hashlib import sha256
from typing import Any, Tuple
from uuid import UUID

from flask import Flask, session

from ..sources.calls import called
from .current import Current
from .idempotency_key import HEADER
from .secret_keys import secret_keys, signature
from .state import state_of

NOBODY = ""
"""The owner of a stream that nobody owns. Its ID alone is the right to it."""

LEAST_CHARS = 16
"""The fewest characters of a name of a client's own that can't be guessed, nor be two clients' by
chance. Where nobody owns, such a name alone is the right to a stream."""

_TOKEN = "_llmstream_owner"
"""The key of our token in a session that the server does not know by an ID."""


def owner_of(here: Current) -> str:
    """The owner of what the current request starts.

    It is the result of ``LLMSTREAM_OWNER``. By default it is the user whom Flask-Login knows, else
    the session that the request's cookie brought. A session without an ID gets a token.
    """
    if here.request is None:
        return NOBODY
    if state_of(here.app).settings.owner is not None:
        return _own(here)
    return _user(here.app) or _session(here, begin=True)


def owners_of(here: Current) -> Tuple[str, ...]:
    """All owners for whom the current request speaks. A user who has logged in speaks for the
    session as well: it may have started a stream before."""
    if here.request is None:
        return ()
    if state_of(here.app).settings.owner is not None:
        found = [_own(here)]
    else:
        found = [_user(here.app), _session(here, begin=False)]
    return tuple(owner for owner in found if owner != NOBODY)


def namespace_of(here: Current) -> str:
    """Whose names the current request uses: its owner's, else those of the credentials in
    ``Authorization``, else nobody's. For what clients name themselves."""
    return owner_of(here) or _credentials(here)


def _own(here: Current) -> str:
    function: Any = state_of(here.app).settings.owner
    return _digest("own", _as_bytes(called(function, here.request)))


def _as_bytes(owner: Any) -> bytes:
    """What ``LLMSTREAM_OWNER`` returned.

    :raises TypeError: it would not be the same for the next request of the same owner.
    """
    if owner is None or isinstance(owner, bytes):
        return owner or b""
    if isinstance(owner, (str, int, UUID)) and not isinstance(owner, bool):
        return str(owner).encode("utf-8", "surrogatepass")
    raise TypeError(
        "LLMSTREAM_OWNER: has to return the owner's ID as a text, bytes, a whole number or a UUID, "
        f"or None for nobody, not {type(owner).__name__}"
    )


def _user(app: Flask) -> str:
    login: Any = sys.modules.get("flask_login")
    manager = getattr(app, "login_manager", None)
    if login is None or not isinstance(manager, login.LoginManager):
        return NOBODY
    user = login.current_user
    found = user.get_id() if user.is_authenticated else None
    return NOBODY if found is None else _digest("user", str(found).encode())


def _session(here: Current, begin: bool) -> str:
    """The owner that a session is. A session that begins with this request is none: the client may
    keep no cookies.

    :param begin: whether a session that can't be told apart yet gets a token.
    """
    request: Any = here.request
    if _cookie_name(here.app) not in request.cookies or not session:
        return NOBODY
    found = getattr(session, "sid", None) or session.get(_TOKEN)
    if not found and begin:
        found = session[_TOKEN] = _new_token(here)
    return _digest("session", str(found or "").encode())


def _new_token(here: Current) -> str:
    """A token for a session. A POST that is sent again, by a client that has not got the cookie
    with the first one's token, gets the same: its cookie and its ``Idempotency-Key`` are."""
    request: Any = here.request
    key, secrets = request.headers.get(HEADER, ""), secret_keys(here.app, "owner")
    if len(key) < LEAST_CHARS or not secrets:  # two visitors of one moment have equal cookies
        return os.urandom(16).hex()
    sent = json.dumps([request.cookies[_cookie_name(here.app)], key])
    return signature(secrets[0], sent.encode())[:16].hex()


def _cookie_name(app: Flask) -> str:
    find = getattr(app.session_interface, "get_cookie_name", None)  # Flask from 2.0 on
    name: str = app.config["SESSION_COOKIE_NAME"] if find is None else find(app)
    return name


def _credentials(here: Current) -> str:
    request: Any = here.request
    sent = "" if request is None else request.headers.get("Authorization", "")
    return _digest("credentials", sent.encode("utf-8", "surrogatepass"))


def _digest(kind: str, owner: bytes) -> str:
    return sha256(kind.encode() + b":" + owner).hexdigest()[:32] if owner else NOBODY
