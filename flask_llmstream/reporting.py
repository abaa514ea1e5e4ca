"""What becomes of a stream's summary: one log line, the signals, the app's own callback.

Roof: Flask. All of it runs on the stream's worker, inside its contexts, once.
"""

from __future__ import annotations

import logging
from typing import Any, Callable

from flask import Flask, got_request_exception

from .errors import StreamError
from .signals import stream_finished
from .stream import Stream
from .summary import Summary


def report(app: Flask, stream: Stream, summary: Summary) -> None:
    """Tell everybody; one that raises is logged, the rest are told all the same."""
    _log_ending(app, stream, summary)
    if summary.error is not None and summary.reason == "error":
        _isolated(app, stream, lambda: _send_exception(app, summary.error))
    _isolated(app, stream, lambda: stream_finished.send(app, summary=summary))
    on_finish = stream.options.on_finish
    if on_finish is not None:
        _isolated(app, stream, lambda: on_finish(summary))


def _send_exception(app: Flask, error: Any) -> None:
    got_request_exception.send(app, exception=error)


def _isolated(app: Flask, stream: Stream, call: Callable[[], Any]) -> None:
    try:
        call()
    except Exception:
        app.logger.exception("stream %s of %s: a callback failed", stream.id, stream.name)


def _log_ending(app: Flask, stream: Stream, summary: Summary) -> None:
    error = summary.error
    level = logging.WARNING if summary.failure is not None else logging.INFO
    expected = error is None or isinstance(error, StreamError)
    app.logger.log(
        level if expected else logging.ERROR,
        "stream %s of %s ended (%s) after %d items, %.1f s%s",
        stream.id,
        stream.name,
        summary.reason,
        summary.items,
        summary.seconds,
        f": {error}" if error is not None else "",
        exc_info=None if expected else error,
    )
