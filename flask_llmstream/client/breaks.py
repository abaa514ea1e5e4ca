"""``why``: why a connection failed, in words."""

from __future__ import annotations

import socket
import ssl
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected
from typing import Iterator, Tuple, Type

_WORDS: Tuple[Tuple[Type[BaseException], str], ...] = (
    (RemoteDisconnected, "the server closed the connection without an answer"),
    (BadStatusLine, "its answer is not HTTP"),
    (IncompleteRead, "the body was cut off"),
    (ssl.SSLEOFError, "it was cut off"),
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionError, "the server, or a proxy before it, reset the connection"),
    (socket.gaierror, "its name could not be looked up"),
    (socket.timeout, "no connection came in time"),
)
"""The words for each kind of failure. The first kind that fits counts."""


def why(error: BaseException) -> str:
    """Why a connection failed.

    :param error: what a library raised. The libraries wrap the true error in several of their own,
        whose words are long and say little. Errors of their own come behind it as well.
    """
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, IncompleteRead) and each.expected:
            return f"the body lacks {each.expected} bytes"
        for kind, words in _WORDS:
            if isinstance(each, kind):
                return words
    root = chain[-1]
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {root.verify_message}"
    if isinstance(root, ssl.SSLError) and root.reason:
        return f"TLS failed: {root.reason.replace('_', ' ').lower()}"
    told = root.strerror if isinstance(root, OSError) else None
    return (told or str(root) or type(root).__name__).strip().rstrip(".")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that caused it."""
    cause = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
