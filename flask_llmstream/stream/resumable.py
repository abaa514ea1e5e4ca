"""What a stream needs that is kept, and is made without any reader."""

from __future__ import annotations

import re
from typing import Any, Mapping

from ..errors import ConfigurationError
from ..formats import BY_ACCEPT, BY_MEDIA_TYPE, Format, make_format
from .ids import STREAM_ID
from .options import StreamOptions, check_names

NEEDS_A_READER = (
    "heartbeat", "max_lifetime", "send_timeout", "hold", "overflow", "buffer", "buffer_bytes",
    "max_buffer_bytes", "gaps", "coalesce", "reconnect", "worker", "on_disconnect",
)  # fmt: skip
"""The options without a meaning where nobody reads the stream directly."""

_CURES = dict.fromkeys(NEEDS_A_READER, "it is a matter of the readers, who attach to the stream")
_BY_ITSELF = StreamOptions(reconnect="resume", on_leave="finish")


def options_without_reader(defaults: StreamOptions, options: Mapping[str, Any]) -> StreamOptions:
    """The options of a stream that only readers of the log read.

    :param defaults: those of the application.
    :param options: those that differ. The default of ``on_leave`` is ``finish``, for any config.
    :raises TypeError: an unknown option, or one that needs a reader.
    :raises ConfigurationError: an option that can't work; the message names it.
    """
    known = [name for name in vars(defaults) if name not in NEEDS_A_READER]
    check_names(options, known, _CURES)
    if options.get("on_leave") == "cancel":
        raise ConfigurationError(
            "on_leave: such a stream begins without a reader; say 'finish', or 'detach' to end it "
            "after detach_seconds without any"
        )
    of_the_app = {name: getattr(defaults, name) for name in known}
    made = {**of_the_app, "on_leave": _BY_ITSELF.on_leave, **options}
    return _BY_ITSELF.merged(**made)


def resumable_format(options: StreamOptions, stream_id: str) -> Format:
    """A new format for a stream that is kept, made without a request.

    :raises ConfigurationError: its events can't have IDs.
    """
    format: Format
    if options.format == BY_ACCEPT:
        format = BY_MEDIA_TYPE["text/event-stream"](options.event)
    else:
        format = make_format(options.format, options.event)
    if not format.is_resumable:
        raise ConfigurationError(
            f"format: {options.format!r} has no event IDs, so nobody can attach to it; take a "
            "format of Server-Sent Events"
        )
    format.stream_id = stream_id
    return format


def check_stream_id(stream_id: Any) -> None:
    """Raise ConfigurationError unless it can be the ID of a stream."""
    if not isinstance(stream_id, str) or re.fullmatch(STREAM_ID, stream_id) is None:
        raise ConfigurationError(
            "stream_id: has to be 32 characters of A-Z, a-z, 0-9, '_' and '-', as new_stream_id() "
            f"gives it, not {stream_id!r:.60}"
        )
