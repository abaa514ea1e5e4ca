"""The errors of a call."""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import socket
from http.client import HTTPException
from typing import Tuple, Type

from requests import RequestException, Timeout
from urllib3.exceptions import HTTPError, TimeoutError

from ..errors import LLMStreamError

FAILURES: Tuple[Type[Exception], ...] = (OSError, HTTPException, HTTPError, RequestException)
"""What a connection may raise, and the libraries that make it."""


class CallError(LLMStreamError):
    """A call got no answer, or its answer stopped. The message names the cause, for the log."""


class CallAborted(CallError):
    """:meth:`HTTPCall.abort` was called."""


class CallTimedOut(CallError):
    """Connecting took too long, or the server was silent for too long."""


class CallFailed(CallError):
    """No connection could be made, or it broke before the answer began."""


def is_timeout(error: BaseException) -> bool:
    """Whether a bound in seconds was reached."""
    return isinstance(error, (socket.timeout, Timeout, TimeoutError))


def call_error(error: BaseException, aborted: bool) -> CallError:
    """The error of a call.

    :param error: its cause.
    :param aborted: whether the call was aborted, which ends a wait with any error.
    """
    if aborted:
        return CallAborted("aborted")
    root = _root_cause(error)
    message = f"{type(root).__name__}: {root}"
    return CallTimedOut(message) if is_timeout(error) else CallFailed(message)


def _root_cause(error: BaseException) -> BaseException:
    """The error that caused the others: those of the libraries are long and say little."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return error
