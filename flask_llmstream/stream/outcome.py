"""``Outcome``: how a stream ended. When several ends come at a time, the first one counts."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

from gevent import GreenletExit

from ..exceptions.error_info import error_info_of
from ..log import log
from ..records import ErrorInfo
from .hooks import StreamHooks

End = Tuple[str, Optional[BaseException], Optional[ErrorInfo]]


class Outcome:
    """Why a stream ended, and what its reader gets for it.

    :ivar reason: ``None`` until the stream ends.
    :ivar error: the exception that ended it, if there was one. It is dropped after all reports.
    :ivar failure: what the client is told of that exception.
    """

    __slots__ = (
        "id", "name", "reason", "failure", "error", "_hooks", "_first_end", "_unsent",
        "_is_left", "_is_told",
    )  # fmt: skip

    def __init__(self, stream_id: str, name: str, hooks: StreamHooks) -> None:
        self.id = stream_id
        self.name = name
        self.reason: Optional[str] = None
        self.failure: Optional[ErrorInfo] = None
        self.error: Optional[BaseException] = None
        self._hooks = hooks
        self._first_end: Dict[str, End] = {}  # at most one
        self._unsent: Optional[BaseException] = None  # raised on the reader's side behind the end
        self._is_left = self._is_told = False

    def error_info_of(self, error: BaseException) -> ErrorInfo:
        """What the reader is told of an exception."""
        return error_info_of(error, self.id, reveal=self._reveals(), names=self._field_names)

    @property
    def _field_names(self) -> Mapping[str, str]:
        """The reader's names of fields, by ours."""
        return {}

    def answer(self, error: BaseException, failure: ErrorInfo) -> Any:
        """The response in place of the stream, while no byte of it has been sent."""
        return self._hooks.answer(error, failure)

    @property
    def trouble(self) -> Optional[BaseException]:
        """The exception because of which the reader has not the whole answer, if there is one."""
        return self._unsent if self.error is None else self.error

    @property
    def told(self) -> Optional[ErrorInfo]:
        """The failure that the reader is told of; ``None`` where there is none."""
        if self.failure is None and self._unsent is not None:
            return self.error_info_of(self._unsent)
        return self.failure

    def _claim(self, reason: str, error: Optional[BaseException] = None) -> bool:
        """Make this the end; ``False`` where there was one before."""
        failure = None if error is None else self.error_info_of(error)
        end = reason, error, failure
        first = self._first_end.setdefault("first", end)
        if self.reason is None:  # a later caller sets the same values: it must not see half of them
            self.failure, self.error, self.reason = first[2], first[1], first[0]
        return first is end

    def _cause(self) -> Optional[BaseException]:
        """The exception that teardown functions get; ``None`` where the stream is complete."""
        error = self.error
        if error is None and self.reason == "disconnect":
            error = GeneratorExit("the reader has left")
        elif error is None and self.reason != "complete":
            error = GreenletExit(f"the stream was ended ({self.reason})")
        return error

    def _let_go_of_error(self) -> None:
        """Drop the exception, once both the reader and the worker are done with it. Its traceback
        holds a frame of the worker: a cycle that only gc would free."""
        if self._is_left and self._is_told:
            self.error = self._unsent = None
            self._first_end["first"] = self.reason or "", None, self.failure

    def _reveals(self) -> bool:
        try:
            return self._hooks.debug
        except BaseException:  # code of the app's own; its failure means no
            log.exception("stream %s of %s: is this debug mode?", self.id, self.name)
            return False
