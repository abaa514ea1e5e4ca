"""Which pages of other sites may send requests, and the CORS headers for their browsers.

Any page can make its reader's browser send a request, and a request runs a model, which costs
money. The rule is the one of ``CrossOriginProtection`` in Go's ``net/http``. Here it holds for GET
as well, because a GET runs a model, too.
"""

from __future__ import annotations

from typing import Any, Collection, FrozenSet, Optional

from flask import Flask, Response, current_app, request
from werkzeug.datastructures import HeaderSet

from ..app.accept import accepted_types
from ..app.origins import ANY, is_allowed, is_cross_site, normal_origin
from ..errors import CrossSiteRequest

_ALLOWED = "flask_llmstream.allowed_origins"
"""The key in ``environ`` for the origins whose pages may read the answer."""

_REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID")
_EXPOSED_HEADERS = "Content-Location, Retry-After, X-Request-ID, X-Stream-ID"
"""The headers that clients read and a browser hides by default."""
_PREFLIGHT_SECONDS = "600"
_AUTOMATIC_SCHEMES = ("basic", "digest", "negotiate", "ntlm")
"""The schemes of ``Authorization`` that a browser sends by itself, as it sends cookies."""
_SCRIPT = "empty"
"""The ``Sec-Fetch-Dest`` of ``fetch()`` and ``EventSource``."""


def refuse_cross_site(allowed: FrozenSet[str]) -> None:
    """Refuse the current request if a page of another origin sent it that is not allowed.

    :param allowed: the allowed origins; ``*`` allows any, but not with its user's credentials.
    :raises CrossSiteRequest: the message says how to allow the page.
    """
    allow_reading(allowed)
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if is_cross_site(site, origin, request.host) and not _may_ask(origin, allowed):
        page = normal_origin(origin or "") or "another site"
        raise CrossSiteRequest(
            f"A page of {page} may not ask here. Add its origin to LLMSTREAM_ALLOWED_ORIGINS to "
            "allow it. If it is this site's own, have the proxy pass on its Host."
        )


def _may_ask(origin: Optional[str], allowed: FrozenSet[str]) -> bool:
    # With "*" no page may ask as its user: it could not read the answer, but it would cost money.
    return is_allowed(origin, allowed) and not (ANY in allowed and _has_credentials())


def _has_credentials() -> bool:
    scheme = request.headers.get("Authorization", "").partition(" ")[0].lower()
    return "Cookie" in request.headers or scheme in _AUTOMATIC_SCHEMES


def allow_reading(allowed: FrozenSet[str]) -> None:
    """Let pages of these origins read the answer to the current request, also if it fails."""
    request.environ[_ALLOWED] = allowed


def answer_to_preflight() -> Optional[Response]:
    """The answer to a preflight of an allowed origin; ``None`` for any other request."""
    return current_app.make_default_options_response() if _is_allowed_preflight() else None


def _is_allowed_preflight() -> bool:
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return False
    return is_allowed(request.headers.get("Origin"), request.environ.get(_ALLOWED, frozenset()))


def refuse_unless_accepted(media_types: Collection[str]) -> None:
    """Refuse a GET that does not accept the answer, as the GET of an image, a frame or a link.

    Over plain HTTP nothing else tells these apart: browsers leave the ``Sec-Fetch`` headers out.
    It holds for pages of this site as well, because they may show links that users wrote.

    :param media_types: the media types that the answer can have.
    :raises CrossSiteRequest: ``Accept`` names none of them and is not ``*/*`` (curl sends that);
        or ``Sec-Fetch-Dest`` says that no script asks.
    """
    is_script = request.headers.get("Sec-Fetch-Dest", _SCRIPT) == _SCRIPT
    if not is_script or not _accepts(media_types):
        raise CrossSiteRequest(
            "This may have been sent by an image or a link, which runs no model: send "
            f"Accept: {next(iter(media_types))}."
        )


def _accepts(media_types: Collection[str]) -> bool:
    asked: Any = request
    accept = asked.headers.get("Accept", "").strip()
    return accept in ("", "*/*") or not accepted_types(asked).isdisjoint(media_types)


def send_cors_headers(app: Flask) -> None:
    """Have the app send CORS headers with each answer that has none and that pages of other sites
    may read. A second call has no effect. An app without such answers is left alone: its requests
    would all pay for it.

    Flask calls the first of the ``after_request`` functions last. So Flask-CORS, or the
    application's own function, runs before this one, and no header is sent twice.
    """
    functions = app.after_request_funcs.setdefault(None, [])
    if _with_cors_headers not in functions:
        # A new list: requests that run may iterate over the old one. Two of them at once set equal
        # lists.
        app.after_request_funcs[None] = [_with_cors_headers, *functions]


def _with_cors_headers(response: Response) -> Response:
    allowed = request.environ.get(_ALLOWED)
    if _is_allowed_preflight() and response.status_code >= 300:
        # A preflight brings no cookie and no token, so a guard of the application refused it.
        response.status_code = 200
    if not allowed or "Access-Control-Allow-Origin" in response.headers:
        return response
    if ANY not in allowed:
        response.vary.add("Origin")
    if is_allowed(request.headers.get("Origin"), allowed):
        _allow_origin(response.headers, ANY in allowed)
        if request.method == "OPTIONS":
            _allow_request(response.headers)
    return response


def _allow_origin(headers: Any, any_origin: bool) -> None:
    headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
    if any_origin:
        headers["Access-Control-Allow-Origin"] = ANY
    else:
        headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        headers["Access-Control-Allow-Credentials"] = "true"


def _allow_request(headers: Any) -> None:
    rule: Any = request.url_rule  # a path without a route has none
    asked = request.headers.get("Access-Control-Request-Method", "")
    methods = [asked] if rule is None else sorted(rule.methods)
    names = HeaderSet(_REQUEST_HEADERS)
    names.update(request.access_control_request_headers or ())
    headers["Access-Control-Allow-Methods"] = ", ".join(methods)
    headers["Access-Control-Allow-Headers"] = names.to_header()
    headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
