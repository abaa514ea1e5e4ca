"""``UpstreamErrors``: makes a :class:`ProviderError` of each failure of the model's server.

The error itself is for the client, and names only the class of the failure. Its ``__cause__``, an
:class:`UpstreamDetail`, is for the log: it has the server's address and words. The client gets the
server's words only where they say what is wrong with the *request*. Secrets are cut out of both.
"""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Dict, Iterable, NamedTuple, NoReturn, Optional, Type

from ..errors import LLMStreamError, ProviderError
from ..http.call import CallAborted, CallError, CallFailed, CallTimedOut

_MAX_CHARS = 500


class UpstreamDetail(LLMStreamError):
    """The details of a failed call, for the log and not for the client."""


class _Refusal(NamedTuple):
    status: int
    code: str
    message: str


_REJECTED = _Refusal(400, "provider_rejected", "The model's server rejected the request")
_KEY = _Refusal(502, "provider_key", "The model's server refused the key it was called with.")
_MOVED = _Refusal(502, "provider_moved", "The model's server has another address now.")
_REFUSALS = {
    **dict.fromkeys((301, 302, 303, 307, 308), _MOVED),
    400: _REJECTED,
    401: _KEY,
    403: _KEY,
    404: _Refusal(502, "provider_not_found", "There is no such model or path at the upstream."),
    422: _REJECTED,
    429: _Refusal(429, "provider_limit", "The model's server takes no more requests for now."),
    503: _Refusal(503, "provider_busy", "The model's server is not available for now."),
}
_OTHER = _Refusal(502, "provider_error", "The model's server failed.")
_CALL_FAILURES: Dict[Type[CallError], _Refusal] = {
    CallAborted: _Refusal(502, "aborted", "The answer was stopped."),
    CallTimedOut: _Refusal(504, "provider_timeout", "The model's server did not answer in time."),
    CallFailed: _Refusal(502, "provider_unreachable", "The model's server can't be reached."),
}


class UpstreamErrors:
    """Makes the errors of one provider.

    :param address: the server's address, for the log.
    :param secrets: words that no message may show.
    """

    def __init__(self, address: str, secrets: Iterable[str]) -> None:
        self._address = address
        self._secrets = sorted(secrets, key=len, reverse=True)

    def fail(self, code: str, message: str, detail: str, *, status: int = 502) -> NoReturn:
        """Raise an error.

        :param message: for the client.
        :param detail: for the log.
        :param status: for the client. Default: 502.
        """
        raise ProviderError(message, code=code, status=status) from self._detail(detail)

    def fail_call(self, error: CallError) -> NoReturn:
        """Raise the error for a call that got no answer, or whose answer stopped."""
        status, code, message = _CALL_FAILURES[type(error)]
        self.fail(code, message, str(error), status=status)

    def refuse(
        self, status: Optional[int], body: str, retry_after: Optional[str] = None
    ) -> NoReturn:
        """Raise the error for a server that answered with a status other than 200.

        :param status: the server's status; ``None`` if its error came without one.
        :param body: the beginning of the server's answer.
        :param retry_after: the server's ``Retry-After``: seconds or a date. The error keeps it
            for 429 and 503. Default: none.
        """
        refusal = _OTHER if status is None else _REFUSALS.get(status, _OTHER)
        words = self._presentable(_message_in(body))
        message = refusal.message
        if refusal is _REJECTED:
            message = f"{message}: {words}" if words else f"{message}."
        raise ProviderError(
            message,
            code=refusal.code,
            status=refusal.status,
            retry_after=_retry_seconds(retry_after) if refusal.status in (429, 503) else None,
            upstream_status=status,
        ) from self._detail(f"status {status}: {words or 'no message'}")

    def refuse_in_band(self, error: Any) -> NoReturn:
        """Raise the error for a server that sent one inside its answer, after status 200."""
        code = error.get("code") if isinstance(error, dict) else None
        status = code if isinstance(code, int) and code in _REFUSALS else None
        self.refuse(status, _as_text({"error": error}))

    def _detail(self, text: str) -> UpstreamDetail:
        return UpstreamDetail(f"{self._address}: {self._presentable(text)}")

    def _presentable(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = " ".join(text.split())
        return text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]} …"


def _message_in(body: str) -> str:
    """The message inside an error's JSON, in any form that servers use; else the text itself."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return body
    while isinstance(found, dict):
        found = next((found[key] for key in ("error", "message", "detail") if key in found), "")
    return found if isinstance(found, str) else _as_text(found)


def _as_text(value: Any) -> str:
    try:
        return json.dumps(value)
    except (ValueError, RecursionError):  # writing may need a deeper stack than reading did
        return "what it said can't be repeated"


def _retry_seconds(retry_after: Optional[str]) -> Optional[int]:
    """The seconds of a ``Retry-After`` (RFC 9110, section 10.2.3); ``None`` if there are none."""
    # Not by urllib3's Retry.parse_retry_after: it accepts 32 October, raises ValueError or
    # OverflowError at long numbers, and newer versions cut the time off at six hours.
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return int(text[:9])
    try:
        wait = parsedate_to_datetime(text) - datetime.now(timezone.utc)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return max(0, math.ceil(wait.total_seconds()))
