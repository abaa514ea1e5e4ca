"""A response in the frames that a log keeps of it: found there, and made for one that was not
streamed."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Mapping, Optional, Tuple

from ...sse.json import json_bytes
from .asked import Asked
from .events import event

_DATA, _BLANK = b"data: ", b"\n\n"
_NUMBER = re.compile(rb'"sequence_number":\d+\}$', re.MULTILINE)


def response_in(frame: bytes) -> Optional[Dict[str, Any]]:
    """The response object in the last event of a frame; ``None`` where it has none."""
    said = event_in(frame.rstrip(b"\n").rpartition(_BLANK)[2])
    response = said.get("response")
    return response if isinstance(response, dict) else None


def receipt(opening: bytes) -> bytes:
    """The response as it begins, for a client that does not wait for it.

    :param opening: the first events of its stream.
    """
    return json_bytes(response_in(opening))


def event_in(block: bytes) -> Dict[str, Any]:
    """The data of one event of ours; ``{}`` where it is none of these."""
    lines = [line for line in block.split(b"\n") if line.startswith(_DATA)]
    try:
        said = json.loads(lines[0][len(_DATA) :]) if lines else None
    except ValueError:  # of another format
        return {}
    return said if isinstance(said, dict) else {}


def frames_of(asked: Asked, stream_id: str, response: Mapping[str, Any]) -> Tuple[bytes, bytes]:
    """The opening and the ending of a response that was sent whole."""
    begun = {"response": asked.response(stream_id, "in_progress", [])}
    opening = event("response.created", begun, 0) + event("response.in_progress", begun, 1)
    return opening, event(f"response.{response['status']}", {"response": response}, 2)


def rest_behind(frame: bytes, number: int) -> bytes:
    """The events of a frame whose ``sequence_number`` is higher than this one."""
    blocks = [block + _BLANK for block in frame.split(_BLANK) if block]
    return b"".join([block for block in blocks if _number(event_in(block)) > number])


def failed_behind(frame: bytes, number: int) -> bytes:
    """The events of a frame that was made before it was known where it would stand.

    :param number: the ``sequence_number`` of the event before it.
    """
    numbered = [
        _NUMBER.sub(b'"sequence_number":%d}' % (number + index), block)
        for index, block in enumerate(frame.split(_BLANK)[:-1], 1)
    ]
    return b"".join([block + _BLANK for block in numbered])


def _number(said: Mapping[str, Any]) -> int:
    number = said.get("sequence_number")
    return number if isinstance(number, int) else 0
