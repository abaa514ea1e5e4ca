"""``Outcome``: how a stream ended. Of all ends that come at a time, the first one is it.

Floor 2, for the log.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from gevent import GreenletExit

from ..exceptions.error_info import error_info_of
from ..log import log
from ..records import ErrorInfo
from .hooks import StreamHooks

End = Tuple[str, Optional[BaseException], Optional[ErrorInfo]]


class Outcome:
    """The reason for which a stream ended, and what its reader is told of it.

    :ivar reason: ``None`` until the stream ends.
    :ivar error: the exception that it ended with, if it was one; dropped once all know of it.
    :ivar failure: what a client is told of that.
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
        self._unsent: Optional[BaseException] = None  # what its reader met behind another end
        self._is_left = self._is_told = False

    def error_info_of(self, error: BaseException) -> ErrorInfo:
        """What its reader is told of an exception."""
        return error_info_of(error, self.id, reveal=self._reveals())

    def answer(self, error: BaseException, failure: ErrorInfo) -> Any:
        """The response in its place, while nothing of it has been sent."""
        return self._hooks.answer(error, failure)

    @property
    def trouble(self) -> Optional[BaseException]:
        """The exception that kept its reader from having it all, if one did."""
        return self._unsent if self.error is None else self.error

    @property
    def told(self) -> Optional[ErrorInfo]:
        """What its reader is told went wrong; ``None`` where nothing did."""
        if self.failure is None and self._unsent is not None:
            return self.error_info_of(self._unsent)
        return self.failure

    def _claim(self, reason: str, error: Optional[BaseException] = None) -> bool:
        """Make this the end; ``False`` where there was one before."""
        failure = None if error is None else self.error_info_of(error)
        end = reason, error, failure
        first = self._first_end.setdefault("first", end)
        if self.reason is None:  # whoever comes too late for it finds it whole, too
            self.failure, self.error, self.reason = first[2], first[1], first[0]
        return first is end

    def _cause(self) -> Optional[BaseException]:
        """What kept it from completing."""
        error = self.error
        if error is None and self.reason == "disconnect":
            error = GeneratorExit("the reader has left")
        elif error is None and self.reason != "complete":
            error = GreenletExit(f"the stream was ended ({self.reason})")
        return error

    def _let_go_of_error(self) -> None:
        """The reader may answer with it, and the worker tells everybody of it: the second of them
        drops it. Its traceback holds a frame of the worker, a cycle that only gc would free."""
        if self._is_left and self._is_told:
            self.error = self._unsent = None
            self._first_end["first"] = self.reason or "", None, self.failure

    def _reveals(self) -> bool:
        try:
            return self._hooks.debug
        except BaseException:  # an app's own code: what it can't say is no
            log.exception("stream %s of %s: is this debug mode?", self.id, self.name)
            return False
