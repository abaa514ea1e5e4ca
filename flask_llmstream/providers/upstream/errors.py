"""``UpstreamErrors``: makes a :class:`ProviderError` of each failure of the model's server.

The error itself is for the client, and names only the class of the failure. Its ``__cause__``, an
:class:`UpstreamDetail`, is for the log: it has the server's address and words. The client gets the
server's words only where they say what is wrong with the *request*. Secrets are cut out of both.
"""

from __future__ import annotations

import json
from copy import copy
from typing import Any, Iterable, Mapping, NoReturn, Optional

from ...errors import LLMStreamError, ProviderError
from ...http.errors import CallAborted, CallError, CallTimedOut
from ...http.retry_after import seconds_of
from .error_classes import ABORTED, TIMEOUT, UNREACHABLE, refusal_of
from .secrets import Secrets
from .words import Complaint, complaint_in

_MAX_CHARS = 500
_MAX_LOG_CHARS = 2000
_MAX_NAME_CHARS = 100


_CALL_FAILURES = ((CallAborted, ABORTED), (CallTimedOut, TIMEOUT))
_DISTRUST = ("SSLCertVerificationError", "CertificateError")
"""The names of the errors about certificates. urllib3 1 has a class of its own for a wrong name."""

_LABELS = ("Content-Type", "Content-Encoding")


class UpstreamDetail(LLMStreamError):
    """The details of a failed call, for the log and not for the client.

    :ivar words: the server's own words about it; ``""`` where it said none.
    :ivar may_pass: whether the same request may soon be answered.
    :ivar wait: the seconds after which the server wants to be asked again; ``None`` where it said
        nothing of it.
    """

    words: str = ""
    may_pass: bool = False
    wait: Optional[int] = None


def detail_of(error: ProviderError) -> UpstreamDetail:
    """The details of an error of an :class:`UpstreamErrors`; empty ones for any other."""
    cause = error.__cause__
    return cause if isinstance(cause, UpstreamDetail) else UpstreamDetail()


class UpstreamErrors:
    """Makes the errors of one provider.

    :param address: the server's address, for the log.
    :param secrets: words that no message may show.
    """

    def __init__(self, address: str, secrets: Iterable[str]) -> None:
        self._address = address
        self._secrets = Secrets(secrets)

    def with_key(self, key: str) -> UpstreamErrors:
        """The same for a call with this key, which no message may show."""
        more = copy(self)
        more._secrets = self._secrets.with_key(key)
        return more

    def fail(self, code: str, message: str, detail: str, *, status: int = 502) -> NoReturn:
        """Raise an error.

        :param message: for the client.
        :param detail: for the log.
        :param status: for the client. Default: 502.
        """
        raise ProviderError(message, code=code, status=status) from self._detail(detail)

    def fail_call(self, error: CallError) -> NoReturn:
        """Raise the error for a call that got no answer, or whose answer stopped."""
        failures = (refusal for kind, refusal in _CALL_FAILURES if isinstance(error, kind))
        refusal = next(failures, UNREACHABLE)
        detail = self._detail(str(error))
        detail.may_pass = refusal.may_pass and not _is_about_trust(error)
        raise ProviderError(
            refusal.message, code=refusal.code, status=refusal.status
        ) from detail

    def refuse(
        self, status: Optional[int], body: Any, retry_after: Optional[str] = None
    ) -> NoReturn:
        """Raise the error for a server that refused.

        :param status: the status of its answer; ``None`` if its error came without one.
        :param body: its error: the beginning of its answer as text, or any JSON value.
        :param retry_after: the server's ``Retry-After``: seconds or a date. The error keeps it
            for 429 and 503. Default: the time that the error itself names, if it does.
        """
        complaint = complaint_in(body)
        numbers = [status, *complaint.numbers]
        refusal = refusal_of(numbers, complaint.words)
        detail = self._detail(f"status {status}: {_evidence(complaint, body)}")
        detail.words = self._presentable(complaint.message)
        detail.may_pass = refusal.may_pass
        detail.wait = seconds_of(retry_after or complaint.wait)
        message, code, field = refusal.message, None, None
        if refusal.blames_request:
            message = f"{message}: {detail.words}" if detail.words else f"{message}."
            code, field = self._name(complaint.code), self._name(complaint.param)
        raise ProviderError(
            message,
            code=refusal.code,
            status=refusal.status,
            retry_after=detail.wait if refusal.status in (429, 503) else None,
            upstream_status=next(filter(None, numbers), None),
            field=field,
            upstream_code=code,
        ) from detail

    def refuse_in_band(self, error: Any) -> NoReturn:
        """Raise the error for a server that sent one inside its answer, after status 200.

        :param error: any JSON value, or a text. The whole part of the answer says more than its
            ``error``: some servers put the code beside it.
        """
        self.refuse(None, error)

    def refuse_body(self, body: str, headers: Mapping[str, str]) -> NoReturn:
        """Raise the error for an answer with status 200 that is no answer of a model."""
        labels = (f"{name} {headers.get(name, 'none')}" for name in _LABELS)
        words = complaint_in(body).message or "an empty body"
        self.fail(
            "provider_answer",
            "The model's server did not answer with an event stream.",
            f"{', '.join(labels)}: {words}",
        )

    def _detail(self, text: str) -> UpstreamDetail:
        return UpstreamDetail(f"{self._address}: {self._presentable(text, _MAX_LOG_CHARS)}")

    def _name(self, text: Optional[str]) -> Optional[str]:
        return self._presentable(text, _MAX_NAME_CHARS) if text else None

    def _presentable(self, text: str, most: int = _MAX_CHARS) -> str:
        text = " ".join(self._secrets.cut_from(text).split())
        return text if len(text) <= most else f"{text[:most]} …"


def _is_about_trust(error: Optional[BaseException]) -> bool:
    """Whether the cause of an error is a certificate, which no other try makes a good one."""
    while error is not None and type(error).__name__ not in _DISTRUST:
        error = error.__cause__ or error.__context__
    return error is not None


def _evidence(complaint: Complaint, error: Any) -> str:
    """The words of an error for the log: its message, and all that its JSON says beside it."""
    text = error.strip() if isinstance(error, str) else _as_text(error)
    is_json = text.startswith(("{", "["))
    if complaint.message and not is_json:
        return complaint.message
    return f"{complaint.message} {text}".strip() or "no message"


def _as_text(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # writing may need a deeper stack than reading did
        return "what it said can't be repeated"
