"""``log``: the package's logger. Logging never raises, whatever a handler does.

A text from elsewhere (a path, a name, a message of the model's server) is written as one line at
most, without control characters. Only a traceback has more lines, and further lines of a text in it
are indented. The application chooses the handlers.
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
"""Frames between the logger's own method and the line that a record must name."""

_failures = logging.Handler()
"""Reports a failed handler on stderr, as each handler of ``logging`` does for itself."""


class Log:
    """A logger that never raises. Errors of its handlers, filters and formatters go to stderr.

    An exception that can't be shown, because its own code raises, is logged by its class.

    :param find: returns the logger. Called for each record.
    """

    def __init__(self, find: Callable[[], logging.Logger]) -> None:
        self._find = find

    @property
    def writes_info(self) -> bool:
        """Whether :meth:`info` writes anything. A logger of an application's own may."""
        try:
            logger = self._find()
            return not isinstance(logger, logging.Logger) or logger.isEnabledFor(logging.INFO)
        except BaseException as failure:  # the record itself tells of it
            return not forward_interrupt(failure)

    def info(self, message: str, *arguments: Any) -> None:
        """Log an event that is as it should be."""
        self._write(logging.INFO, None, message, arguments)

    def warning(self, message: str, *arguments: Any) -> None:
        """Log an event that somebody should look at."""
        self._write(logging.WARNING, None, message, arguments)

    def error(self, error: BaseException, message: str, *arguments: Any) -> None:
        """Log an exception, with its traceback."""
        self._write(logging.ERROR, error, message, arguments)

    def exception(self, message: str, *arguments: Any) -> None:
        """Log the exception that is being handled, with its traceback."""
        self._write(logging.ERROR, caught(), message, arguments)

    def isolated(self, call: Callable[[], object], message: str, *arguments: Any) -> None:
        """Call a function, and log its error with a message. The caller goes on. An exception that
        a signal raises is forwarded to the process."""
        try:
            call()
        except BaseException as error:  # gevent's own do not derive from Exception
            if not forward_interrupt(error):
                self._write(logging.ERROR, error, message, arguments)

    def _write(
        self, level: int, error: Optional[BaseException], message: str, arguments: Tuple[Any, ...]
    ) -> None:
        try:
            logger = self._find()
            if isinstance(logger, logging.Logger) and not logger.isEnabledFor(level):
                return  # no work for a record that nobody gets
            keywords = {} if error is None else _keywords_for(logger, error)
            logger.log(level, message, *map(_fit, arguments), stacklevel=_CALLER, **keywords)
        except BaseException as failure:  # raise nothing: the caller may be ending a stream
            if forward_interrupt(failure):
                return
            with suppress(BaseException):  # stderr may be closed, or full
                _failures.handleError(logging.makeLogRecord({"msg": message, "args": arguments}))


log = Log(partial(logging.getLogger, "flask_llmstream"))
"""The package's own logger, ``flask_llmstream``."""


def log_of(app: Any) -> Log:
    """The logger of a Flask application."""
    return Log(partial(getattr, app, "logger"))


def _fit(argument: Any) -> Any:
    return argument if isinstance(argument, (int, float)) else printable(str(argument))


class _Traceback(logging.Filter):
    """Makes handlers print our printable traceback. It drops no record.

    The record keeps its exception, by which error trackers recognise it.
    """

    KEY = "llmstream_traceback"

    def filter(self, record: logging.LogRecord) -> bool:
        made = vars(record).pop(self.KEY, None)
        if made is not None:
            record.exc_text = made
        return True


_traceback = _Traceback()


def _keywords_for(logger: Any, error: BaseException) -> Dict[str, Any]:
    """The keywords by which an exception is passed to a logger."""
    try:
        made = printable_traceback(error)  # runs all code that showing it would run
    except BaseException:
        return _instead(f"{type.__repr__(type(error))} that can't be shown", error)
    keywords: Dict[str, Any] = {"exc_info": (type(error), error, traceback_of(error))}
    if made is None:
        return keywords
    if not isinstance(logger, logging.Logger):  # an object of the application's own
        return _instead(printable(described(error)), error)
    logger.addFilter(_traceback)
    return {**keywords, "extra": {_Traceback.KEY: made}}


def _instead(text: str, error: BaseException) -> Dict[str, Any]:
    return {"exc_info": (RuntimeError, RuntimeError(text), traceback_of(error))}
