"""Reports a stream's end: one log line, the signals, the app's callbacks.

It runs once a stream, on the stream's worker, inside its contexts.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import got_request_exception
from werkzeug.exceptions import HTTPException

from ..errors import StreamError
from ..exceptions.handling import while_handling, with_cause
from ..log import Log
from ..records import Summary
from ..sources.calls import called, sent
from ..stream.stream import Stream
from .signals import has_receivers, stream_finished

_FAILED = "stream %s of %s: a callback failed"


def report(sender: Any, log: Log, stream: Stream, summary: Summary) -> None:
    """Report a stream's end: log it, send the signals, call ``on_finish``. Meanwhile
    ``sys.exc_info()`` is the stream's exception, if there was one. A callback that raises does not
    stop the others; its exception is logged.

    :param sender: the sender of the signals.
    """
    while_handling(summary.error, lambda: _report(sender, log, stream, summary))


def _report(sender: Any, log: Log, stream: Stream, summary: Summary) -> None:
    failed = _FAILED, stream.id, stream.name
    if summary.reason == "error" and not _is_expected(summary):
        # Before the log, as Flask does. An error tracker that sees the log record first takes the
        # exception for a handled one.
        error = summary.error
        log.isolated(partial(sent, got_request_exception, sender, exception=error), *failed)
    _log_ending(log, stream, summary)
    log.isolated(partial(sent, stream_finished, sender, summary=summary), *failed)
    on_finish = stream.options.on_finish
    if on_finish is not None:
        log.isolated(partial(called, on_finish, summary), *failed)


def is_heard(log: Log, stream: Stream) -> bool:
    """Whether anybody would get the report of a stream that has ended. A failure is always told."""
    return (
        stream.error is not None
        or stream.failure is not None
        or stream.options.on_finish is not None
        or has_receivers(stream_finished)
        or log.writes_info
    )


def report_departure(log: Log, stream: Stream, summary: Summary) -> None:
    """Call ``on_disconnect``. What it raises is logged."""
    on_disconnect = stream.options.on_disconnect
    if on_disconnect is not None:
        log.isolated(partial(called, on_disconnect, summary), _FAILED, stream.id, stream.name)


def _is_expected(summary: Summary) -> bool:
    """Was the error raised on purpose: a ``StreamError``, or by ``abort()`` with any answer?"""
    return issubclass(type(summary.error), (StreamError, HTTPException))


def _notes(summary: Summary) -> str:
    """Which model was chosen, and what the reader did not get, in words."""
    chosen = [f"by {summary.model}"] if summary.model else []
    lost = [f"{summary.lost} lost"] if summary.lost else []
    left_out = ", ".join(f"{count} {kind}" for kind, count in summary.left_out.items())
    notes = "; ".join([*chosen, *lost, *([f"left out: {left_out}"] if left_out else [])])
    return f" ({notes})" if notes else ""


def _log_ending(log: Log, stream: Stream, summary: Summary) -> None:
    error = summary.error
    line = "stream %s of %s ended (%s) after %d items%s, %.1f s%s"
    arguments = (
        stream.id,
        stream.name,
        summary.reason,
        summary.items,
        _notes(summary),
        summary.seconds,
        "" if error is None else f": {with_cause(error)}",
    )
    if error is not None and not _is_expected(summary):
        log.error(error, line, *arguments)
    elif summary.failure is not None:
        log.warning(line, *arguments)
    else:
        log.info(line, *arguments)
