"""Who of other sites' pages may ask, and what their browsers are told of it (CORS).

Roof: Flask. A page of any site can have its reader's browser send a request here, which would
spend this site's money. The rule is that of ``CrossOriginProtection`` in Go's ``net/http``, for
GET as well, because here that has a model run.
"""

from __future__ import annotations

from typing import Any, Collection, FrozenSet, Optional

from flask import Flask, Response, current_app, request
from werkzeug.datastructures import HeaderSet

from ..app.origins import ANY, is_allowed, is_cross_site, normal_origin
from ..errors import CrossSiteRequest

_ALLOWED = "flask_llmstream.allowed_origins"
"""In the ``environ`` of a request whose answer other sites' pages may be allowed to read."""

_REQUEST_HEADERS = ("Authorization", "Content-Type", "Last-Event-ID")
_EXPOSED_HEADERS = "Retry-After"
"""What ``llmstream.js`` reads, beside what a browser lets any page read."""
_PREFLIGHT_SECONDS = "600"
_BY_BROWSERS = ("basic", "digest", "negotiate", "ntlm")
"""The schemes of ``Authorization`` that a browser sends by itself, as it does cookies."""
_A_SCRIPT = "empty"
"""The ``Sec-Fetch-Dest`` of ``fetch()`` and ``EventSource``."""


def refuse_cross_site(allowed: FrozenSet[str]) -> None:
    """Refuse the current request where a page of another origin sent it that isn't allowed.

    :raises CrossSiteRequest: the message says how to allow it.
    """
    let_read(allowed)
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if is_cross_site(site, origin, request.host) and not _may_ask(origin, allowed):
        page = normal_origin(origin or "") or "another site"
        raise CrossSiteRequest(
            f"A page of {page} may not ask here. Add its origin to LLMSTREAM_ALLOWED_ORIGINS to "
            "allow it. If it is this site's own, have the proxy pass on its Host."
        )


def _may_ask(origin: Optional[str], allowed: FrozenSet[str]) -> bool:
    # Where any page may, none may as its user: it could not read the answer, but spend on it.
    return is_allowed(origin, allowed) and not (ANY in allowed and _tells_its_user())


def _tells_its_user() -> bool:
    scheme = request.headers.get("Authorization", "").partition(" ")[0].lower()
    return "Cookie" in request.headers or scheme in _BY_BROWSERS


def let_read(allowed: FrozenSet[str]) -> None:
    """Have these origins' pages read the answer to the current request, whatever becomes of it."""
    request.environ[_ALLOWED] = allowed


def answer_to_preflight() -> Optional[Response]:
    """The answer to a browser that asks whether a page of an allowed origin may ask."""
    return current_app.make_default_options_response() if _is_allowed_preflight() else None


def _is_allowed_preflight() -> bool:
    asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    allowed = request.environ.get(_ALLOWED, frozenset())
    return asks and is_allowed(request.headers.get("Origin"), allowed)


def refuse_unless_accepted(media_types: Collection[str]) -> None:
    """Refuse a GET that asks for something else, as an image, a frame or a link does.

    That is all there is to tell those by over plain HTTP. It holds for pages of our own as well,
    which may show what their users wrote.

    :param media_types: of the answer that would be made.
    :raises CrossSiteRequest: none of them is named, nor whatever comes (as curl does); or an
        element of a page, or the user, is to be shown it.
    """
    is_shown = request.headers.get("Sec-Fetch-Dest", _A_SCRIPT) != _A_SCRIPT
    if is_shown or not _accepts(media_types):
        raise CrossSiteRequest(
            "This may have been sent by an image or a link, which runs no model: send "
            f"Accept: {next(iter(media_types))}."
        )


def _accepts(media_types: Collection[str]) -> bool:
    kinds = [kind for kind, quality in request.accept_mimetypes if quality]
    named = {kind.partition(";")[0].strip().lower() for kind in kinds}
    accept = request.headers.get("Accept", "").strip()
    return accept in ("", "*/*") or not named.isdisjoint(media_types)


def send_cors_headers(app: Flask) -> None:
    """Have the app send the headers of CORS, where nothing else of it does.

    The first of these functions runs last. So Flask-CORS, or the application's own, goes before,
    and there are never two of them.
    """
    app.after_request_funcs.setdefault(None, []).insert(0, _with_cors_headers)


def _with_cors_headers(response: Response) -> Response:
    allowed = request.environ.get(_ALLOWED)
    if _is_allowed_preflight() and response.status_code >= 300:
        # It brings no cookie and no token: no guard of the application's lets it pass.
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
    rule: Any = request.url_rule
    names = HeaderSet(_REQUEST_HEADERS)
    names.update(request.access_control_request_headers or ())
    headers["Access-Control-Allow-Methods"] = ", ".join(sorted(rule.methods))
    headers["Access-Control-Allow-Headers"] = names.to_header()
    headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
