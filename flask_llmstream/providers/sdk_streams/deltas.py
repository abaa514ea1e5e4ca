"""``plain_sdk_deltas``: the deltas of an SDK's plain stream."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Generator

from ...http.connecting import Sockets
from ...http.errors import CallAborted
from ..abortable_deltas import AbortableDeltas
from ..base import Piece
from .errors import errors_of, fail_as
from .events import SDKAnswer, response_of, unreadable
from .kinds import name_in_log


def plain_sdk_deltas(source: Any) -> AbortableDeltas:
    """The deltas of a stream, or of the context manager of one.

    The iteration raises :class:`~flask_llmstream.errors.ProviderError` for whatever the SDK raises.
    An abort ends its wait at the connection.
    """
    deltas = _SDKDeltas(source)
    pieces = deltas.pieces()
    next(pieces)  # a generator that has not begun would close nothing at its end
    result = AbortableDeltas(pieces, deltas.abort)
    result.__qualname__ = name_in_log(source)
    return result


class _SDKDeltas:
    def __init__(self, source: Any) -> None:
        self._source = source
        self._sockets = Sockets()

    def abort(self) -> None:
        """End the wait for the next event, from any thread."""
        self._sockets.aborted = True
        self._sockets.hang_up()

    def pieces(self) -> Generator[Piece, None, None]:
        """The pieces, behind a first one that is none. A stream that is open before is closed at
        the end, be it that nobody holds the generator any more."""
        stream = None
        with ExitStack() as closing:
            if hasattr(self._source, "close"):
                closing.callback(self._source.close)
            yield ""
            try:
                stream = opened(self._source, closing)
                self._watch(stream)
                closing.callback(self._sockets.forget)
                yield from self._pieces_of(stream)
            except Exception as error:
                if self._sockets.aborted:
                    errors_of(stream).fail_call(CallAborted("aborted"))
                fail_as(error, stream)

    def _pieces_of(self, stream: Any) -> Generator[Piece, None, None]:
        answer, errors = SDKAnswer(), errors_of(stream)
        for event in stream:
            try:
                pieces = answer.read(event)
            except ValueError as error:
                unreadable(errors, error)
            yield from pieces
            if answer.failure is not None:
                errors.refuse_in_band(answer.failure)
        yield from answer.rest(errors)

    def _watch(self, stream: Any) -> None:
        """Keep the connection's socket for an abort, unless other answers share it."""
        extensions = getattr(response_of(stream), "extensions", {})
        network = extensions.get("network_stream")
        sock = None if network is None else network.get_extra_info("socket")
        if sock is not None and extensions.get("http_version") in (b"HTTP/1.1", b"HTTP/1.0"):
            self._sockets.watch(sock)


def opened(source: Any, closing: ExitStack) -> Any:
    """The stream. That of a context manager is closed at the end."""
    return closing.enter_context(source) if hasattr(source, "__enter__") else source
