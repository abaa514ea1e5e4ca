"""Signals, sent on a stream's worker with its app as the sender."""

from __future__ import annotations

import flask.signals

_signals = flask.signals.Namespace()  # type: ignore[attr-defined]  # blinker's, or 1.1's stand-in

stream_finished = _signals.signal("llmstream-finished")
"""A stream has ended; ``summary`` is its :class:`~flask_llmstream.stream.Summary`."""
