"""``Reading``: one call to a model's server, and the body of its answer as it comes.

It tells an answer from a refusal and from anything else. What the events and the JSON mean is a
matter of the API.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterable, Iterator, NoReturn, Optional, Tuple

from ...errors import EventTooLarge
from ...http.call import HTTPAnswer, HTTPCall
from ...http.charset import text_of
from ...http.errors import CallAborted, CallError, CallTimedOut
from ...http.retry_after import retry_after_in
from ...sse.decoder import MessageEvent
from .body_kind import OTHER, body_kind, suffices
from .errors import UpstreamErrors
from .events import events_of
from .part import MAX_PART_BYTES, is_cut, parse_part

_MAX_ERROR_BYTES = 256 * 1024
_MAX_SHOWN = 1000


class Reading:
    """Reads the answer of one call. Each failure of the server becomes a :class:`ProviderError`.

    :param call: is opened and closed by :meth:`opened`.
    :param errors: makes the errors of the call.
    """

    def __init__(self, call: HTTPCall, errors: UpstreamErrors) -> None:
        self._call = call
        self._errors = errors

    @contextmanager
    def opened(self) -> Iterator[Tuple[str, Iterator[bytes]]]:
        """The kind of the body, :data:`EVENT_STREAM` or :data:`JSON`, and its blocks. Where the
        ``with`` block ends without an exception, the next call may use the connection.

        :raises ProviderError: the server refused, could not be reached, or did not answer as a
            model's server does. Inside the ``with`` block: it was silent, or the call was aborted.
        """
        try:
            http = self._call.open()
            yield self._body(http)
            http.finish()
        except CallError as error:
            self._errors.fail_call(error)
        except EventTooLarge as error:
            self._too_large(str(error))
        finally:
            self._call.close()

    def _body(self, http: HTTPAnswer) -> Tuple[str, Iterator[bytes]]:
        if not 200 <= http.status < 300:
            self._errors.refuse(http.status, self._complaint(http), retry_after_in(http.headers))
        kind = body_kind(http.start(suffices), http.headers.get("Content-Type", ""))
        if kind == OTHER:
            self._errors.refuse_body(self._complaint(http), http.headers)
        return kind, http.blocks()

    def events(self, blocks: Iterable[bytes]) -> Iterator[MessageEvent]:
        """The events of an event stream."""
        return events_of(blocks, MAX_PART_BYTES)

    def whole(self, blocks: Iterable[bytes]) -> Any:
        """The one value of an answer that is not streamed."""
        text, silence = self._text(blocks)
        try:
            return parse_part(text)
        except ValueError as error:
            if silence is not None:
                raise silence
            if is_cut(error):
                self.ended_early("the JSON has no end")
            self.unreadable(error, text)

    def unreadable(self, error: object, text: str) -> NoReturn:
        """Raise the error for something that is no part of an answer."""
        message = "The model's server sent something that is no part of an answer."
        self._errors.fail("provider_answer", message, f"{error}: {text[:_MAX_SHOWN]}")

    def silent(self, detail: str) -> NoReturn:
        """Raise the error for an answer that has ended well, and says nothing."""
        message = "The model's server ended its answer, and had said nothing."
        self._errors.fail("provider_answer", message, detail)

    def ended_early(self, detail: str) -> NoReturn:
        """Raise the error for an answer without its end."""
        if self._call.aborted:
            raise CallAborted("aborted")
        message = "The model's server ended the answer before its end."
        self._errors.fail("truncated", message, detail)

    def failed(self, failure: Any) -> NoReturn:
        """Raise the error that the server has put into its answer."""
        self._errors.refuse_in_band(failure)

    def _text(self, blocks: Iterable[bytes]) -> Tuple[str, Optional[CallTimedOut]]:
        """The body, and the silence that ended it. The body may be whole all the same."""
        body, silence = bytearray(), None
        try:
            for block in blocks:
                body += block
                if len(body) > MAX_PART_BYTES:
                    self._too_large("the JSON is larger")
        except CallTimedOut as error:
            silence = error
        return text_of(bytes(body)), silence

    def _complaint(self, http: HTTPAnswer) -> str:
        """The words of a server that refuses. One that sends them too slowly is not waited for."""
        return http.beginning(_MAX_ERROR_BYTES, self._call.read_timeout)

    def _too_large(self, detail: str) -> NoReturn:
        size = f"{MAX_PART_BYTES // 2**20} MiB"
        message = f"The model's server sent more than {size} in one piece."
        self._errors.fail("answer_too_large", message, detail)
