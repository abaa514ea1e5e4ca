"""What becomes of a stream's summary: one log line, the signals, the app's own callback.

Roof: Flask, for its signal. All of it runs on the stream's worker, inside its contexts, once.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import got_request_exception
from werkzeug.exceptions import HTTPException

from ..errors import StreamError
from ..exceptions.handling import cause_of, described, text_of, while_handling
from ..log import Log
from ..records import Summary
from ..sources.calls import called, sent
from ..stream.stream import Stream
from .signals import stream_finished

_FAILED = "stream %s of %s: a callback failed"


def report(sender: Any, log: Log, stream: Stream, summary: Summary) -> None:
    """Tell everybody, as where the stream's exception was caught, if there was one. One that
    raises is logged, the rest are told all the same.

    :param sender: the signals'.
    """
    while_handling(summary.error, lambda: _report(sender, log, stream, summary))


def _report(sender: Any, log: Log, stream: Stream, summary: Summary) -> None:
    failed = _FAILED, stream.id, stream.name
    if summary.reason == "error" and not _is_expected(summary):
        # Before the log, as Flask does: an error tracker that hears of it by a log record takes
        # it for one that was handled.
        error = summary.error
        log.isolated(partial(sent, got_request_exception, sender, exception=error), *failed)
    _log_ending(log, stream, summary)
    log.isolated(partial(sent, stream_finished, sender, summary=summary), *failed)
    on_finish = stream.options.on_finish
    if on_finish is not None:
        log.isolated(partial(called, on_finish, summary), *failed)


def report_departure(log: Log, stream: Stream, summary: Summary) -> None:
    """Tell ``on_disconnect``; one that raises is logged."""
    on_disconnect = stream.options.on_disconnect
    if on_disconnect is not None:
        log.isolated(partial(called, on_disconnect, summary), _FAILED, stream.id, stream.name)


def _is_expected(summary: Summary) -> bool:
    """Was it said on purpose: a ``StreamError``, or ``abort()``, which may bring any answer?"""
    return issubclass(type(summary.error), (StreamError, HTTPException))


def _told(error: BaseException) -> str:
    """An exception in a line, with what was behind it, which the client is not told."""
    cause = cause_of(error)
    if cause is None or text_of(cause) in text_of(error):
        return described(error)
    return f"{described(error)} ({described(cause)})"


def _log_ending(log: Log, stream: Stream, summary: Summary) -> None:
    error = summary.error
    line = "stream %s of %s ended (%s) after %d items%s, %.1f s%s"
    arguments = (
        stream.id,
        stream.name,
        summary.reason,
        summary.items,
        f" ({summary.lost} lost)" if summary.lost else "",
        summary.seconds,
        "" if error is None else f": {_told(error)}",
    )
    if error is not None and not _is_expected(summary):
        log.error(error, line, *arguments)
    elif summary.failure is not None:
        log.warning(line, *arguments)
    else:
        log.info(line, *arguments)
