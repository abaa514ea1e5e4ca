"""What becomes of a stream's summary: one log line, the signals, the app's own callback.

Roof: Flask, for its signal. All of it runs on the stream's worker, inside its contexts, once.
"""

from __future__ import annotations

import logging
from logging import Logger
from typing import Any, Callable

from flask import got_request_exception

from .errors import StreamError
from .signals import stream_finished
from .stream import Stream
from .summary import Summary


def report(sender: Any, log: Logger, stream: Stream, summary: Summary) -> None:
    """Tell everybody; one that raises is logged, the rest are told all the same.

    :param sender: the signals'.
    """
    if summary.reason == "error" and not _is_expected(summary):
        # Before the log, as Flask does: an error tracker that hears of it by a log record takes
        # it for one that was handled.
        _isolated(log, stream, lambda: _send_exception(sender, summary.error))
    _isolated(log, stream, lambda: _log_ending(log, stream, summary))
    _isolated(log, stream, lambda: stream_finished.send(sender, summary=summary))
    on_finish = stream.options.on_finish
    if on_finish is not None:
        _isolated(log, stream, lambda: on_finish(summary))


def report_departure(log: Logger, stream: Stream, summary: Summary) -> None:
    """Tell ``on_disconnect``; one that raises is logged."""
    on_disconnect = stream.options.on_disconnect
    if on_disconnect is not None:
        _isolated(log, stream, lambda: on_disconnect(summary))


def _send_exception(sender: Any, error: Any) -> None:
    got_request_exception.send(sender, exception=error)


def _isolated(log: Logger, stream: Stream, call: Callable[[], Any]) -> None:
    try:
        call()
    except BaseException:  # gevent.Timeout is no Exception
        log.exception("stream %s of %s: a callback failed", stream.id, stream.name)


def _is_expected(summary: Summary) -> bool:
    """Was it said on purpose: a ``StreamError``, or ``abort()``?"""
    failure = summary.failure
    said = isinstance(summary.error, StreamError)
    return said or (failure is not None and failure.code == "http_error")


def _told(error: BaseException) -> str:
    """An exception in a line, with what was behind it, which the client is not told."""
    cause = error.__cause__
    if cause is None or str(cause) in str(error):
        return f"{type(error).__name__}: {error}"
    behind = f" ({type(cause).__name__}: {cause})"
    return f"{type(error).__name__}: {error}{behind}"


def _log_ending(log: Logger, stream: Stream, summary: Summary) -> None:
    error = summary.error
    what = "" if error is None else f": {_told(error)}"
    level = logging.INFO if summary.failure is None else logging.WARNING
    bug = error is not None and not _is_expected(summary)
    log.log(
        logging.ERROR if bug else level,
        "stream %s of %s ended (%s) after %d items%s, %.1f s%s",
        stream.id,
        stream.name,
        summary.reason,
        summary.items,
        f" ({summary.lost} lost)" if summary.lost else "",
        summary.seconds,
        what,
        exc_info=error if bug else None,
    )
