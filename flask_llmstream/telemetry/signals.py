"""The signals. They are sent on a stream's worker, with its app as the sender."""

# mypy: disable-error-code=import-not-found

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask.signals

if TYPE_CHECKING:
    from blinker import NamedSignal

_signals = flask.signals.Namespace()  # type: ignore[attr-defined]  # blinker's, or 1.1's stand-in

stream_finished: NamedSignal = _signals.signal("llmstream-finished")
"""A stream has ended; ``summary`` is its :class:`~flask_llmstream.records.Summary`."""


def has_receivers(signal: Any) -> bool:
    """Whether anybody receives a signal, from whatever sender. Without blinker nobody can."""
    return bool(getattr(signal, "receivers", None))
