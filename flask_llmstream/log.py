"""``log``: the package's way to its loggers; whoever logs goes on, whatever a handler does.

What comes from elsewhere (a path, a name, a model server's words) writes one line at most, and
nothing that a terminal obeys. Only a traceback has more lines, and those of a text in it are
indented.

Floor 2, for what a signal raises meanwhile. What a record is written to is the app's choice.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import Any, Callable, Dict, Optional, Tuple

from .exceptions.handling import caught, described, traceback_of
from .exceptions.interrupts import forward_interrupt
from .exceptions.printable import printable, printable_traceback

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
            if not forward_interrupt(error):
                self._write(logging.ERROR, error, message, arguments)

    def _write(
        self, level: int, error: Optional[BaseException], message: str, arguments: Tuple[Any, ...]
    ) -> None:
        try:
            logger = self._find()
            if isinstance(logger, logging.Logger) and not logger.isEnabledFor(level):
                return  # nothing is made fit for nobody
            told = {} if error is None else _told(logger, error)
            logger.log(level, message, *map(_fit, arguments), stacklevel=_CALLER, **told)
        except BaseException as failure:  # whatever it was, an end behind it has to be whole
            if forward_interrupt(failure):
                return
            with suppress(BaseException):  # stderr may be closed, or full
                _failures.handleError(logging.makeLogRecord({"msg": message, "args": arguments}))


log = Log(partial(logging.getLogger, "flask_llmstream"))
"""The package's own."""


def log_of(app: Any) -> Log:
    """A Flask application's own."""
    return Log(lambda: app.logger)


def _fit(argument: Any) -> Any:
    return argument if isinstance(argument, (int, float)) else printable(str(argument))


class _Traceback(logging.Filter):
    """Has a record shown with the traceback that was made fit for it; lets each pass.

    A record keeps its exception, by which error trackers know it again.
    """

    KEY = "llmstream_traceback"

    def filter(self, record: logging.LogRecord) -> bool:
        made = vars(record).pop(self.KEY, None)
        if made is not None:
            record.exc_text = made
        return True


_traceback = _Traceback()


def _told(logger: Any, error: BaseException) -> Dict[str, Any]:
    """How a logger is told of an exception."""
    try:
        made = printable_traceback(error)  # asks it all that showing it does
    except BaseException:
        return _instead(f"{type.__repr__(type(error))} that can't be shown", error)
    told: Dict[str, Any] = {"exc_info": (type(error), error, traceback_of(error))}
    if made is None:
        return told
    if not isinstance(logger, logging.Logger):  # of an application's own
        return _instead(printable(described(error)), error)
    logger.addFilter(_traceback)
    return {**told, "extra": {_Traceback.KEY: made}}


def _instead(text: str, error: BaseException) -> Dict[str, Any]:
    return {"exc_info": (RuntimeError, RuntimeError(text), traceback_of(error))}
