"""``log``: the package's way to its loggers; whoever logs goes on, whatever a handler does.

Floor 2, for what a signal raises meanwhile. What a record is written to is the app's choice.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from traceback import TracebackException
from typing import Any, Callable, Optional, Tuple

from .handling import caught, traceback_of
from .interrupts import passed_on

_CALLER = 3
"""Frames from a logger's own method to the line that is to be named."""

_failures = logging.Handler()
"""Tells of a handler that failed, as each of logging's own does of itself."""


class Log:
    """A logger that raises nothing: what its handlers, filters and formatters raise goes to stderr.

    An exception whose own code keeps it from being shown is logged as one of its class.

    :param find: gives the logger.
    """

    def __init__(self, find: Callable[[], logging.Logger]) -> None:
        self._find = find

    def info(self, message: str, *arguments: Any) -> None:
        """Log what is as it should be."""
        self._write(logging.INFO, None, message, arguments)

    def warning(self, message: str, *arguments: Any) -> None:
        """Log what somebody should look at."""
        self._write(logging.WARNING, None, message, arguments)

    def error(self, error: BaseException, message: str, *arguments: Any) -> None:
        """Log an exception, with its traceback."""
        self._write(logging.ERROR, error, message, arguments)

    def exception(self, message: str, *arguments: Any) -> None:
        """Log the exception that has just been caught, with its traceback."""
        self._write(logging.ERROR, caught(), message, arguments)

    def isolated(self, call: Callable[[], object], message: str, *arguments: Any) -> None:
        """Call what is not to harm whoever calls it: what it raises is logged, with a message.
        What a signal raises goes to the process."""
        try:
            call()
        except BaseException as error:  # gevent's own are none of Exception's
            if not passed_on(error):
                self._write(logging.ERROR, error, message, arguments)

    def _write(
        self, level: int, error: Optional[BaseException], message: str, arguments: Tuple[Any, ...]
    ) -> None:
        try:
            shown = None if error is None else _shown(error)
            self._find().log(level, message, *arguments, exc_info=shown, stacklevel=_CALLER)
        except BaseException as failure:  # whatever it was, an end behind it has to be whole
            if passed_on(failure):
                return
            with suppress(BaseException):  # stderr may be closed, or full
                _failures.handleError(logging.makeLogRecord({"msg": message, "args": arguments}))


log = Log(partial(logging.getLogger, "flask_llmstream"))
"""The package's own."""


def log_of(app: Any) -> Log:
    """A Flask application's own."""
    return Log(lambda: app.logger)


def _shown(error: BaseException) -> Any:
    """An exception as logging takes it: class, exception and traceback."""
    try:
        TracebackException(type(error), error, None, limit=0)  # asks it all that showing it does
    except BaseException:
        kind = type.__repr__(type(error))
        return RuntimeError, RuntimeError(f"{kind} that can't be shown"), traceback_of(error)
    return type(error), error, traceback_of(error)
