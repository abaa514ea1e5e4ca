"""The wire formats: how deltas, heartbeats, errors and the end are written. One file for each."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional

from ..errors import ConfigurationError
from ..records import Ending, Gap
from .ag_ui import AGUIFormat
from .base import EventStreamFormat, Format
from .halves import Halves
from .message import MessageFormat
from .ndjson import NDJSONFormat
from .negotiated import BY_MEDIA_TYPE, PlainText, wants_plain_text
from .raw import RawFormat
from .text import TextFormat
from .ui_message.format import UIMessageFormat

FORMATS: Dict[str, Callable[[Optional[str]], Format]] = {
    "message": MessageFormat,
    "text": TextFormat,
    "ndjson": NDJSONFormat,
    "plain": PlainText,
    "ag-ui": AGUIFormat,
    "ui-message": UIMessageFormat,
}
"""The formats by the name that an option gives."""

BY_ACCEPT = "accept"
"""The name that lets the request's ``Accept`` choose; see :data:`BY_MEDIA_TYPE`."""

__all__ = [
    "BY_MEDIA_TYPE",
    "BY_ACCEPT",
    "FORMATS",
    "AGUIFormat",
    "Ending",
    "EventStreamFormat",
    "Format",
    "Gap",
    "Halves",
    "PlainText",
    "RawFormat",
    "UIMessageFormat",
    "make_format",
    "wants_plain_text",
]


def make_format(format: Any, event: Optional[str]) -> Format:
    """Make the format of one stream.

    :param format: a name of :data:`FORMATS`, a :class:`Format`, or a callable that takes ``event``
        and returns one of these.
    :param event: the type of the deltas' events; ``None``: the format's own.
    :raises ConfigurationError: no such format.
    :raises ValueError: an event type with a line break.
    """
    if isinstance(format, str) and format in FORMATS:  # first, as to ask an abstract class costs
        return FORMATS[format](event)
    if isinstance(format, Format):
        return format
    if callable(format):
        return make_format(format(event), event)
    known = ", ".join([*FORMATS, BY_ACCEPT])
    raise ConfigurationError(f"format: {format!r} is none of {known}")
