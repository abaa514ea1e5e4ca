"""``AnswersInLog``: the answers that the log keeps, for the protocols that go on from them."""

from __future__ import annotations

import time
from typing import Optional

from ..errors import StreamError, StreamGone, UnknownStream
from ..formats import EventStreamFormat
from ..log import log
from ..protocols.base import KeptAnswer, KeptAnswers
from ..replay.base import Reading, StreamHead
from ..replay.event_log import End
from ..replay.expected import Expected
from ..stream.recorder import keep_whole
from .current import Current
from .owner import owner_of
from .rights import find_stream, right_to
from .state import state_of


class AnswersInLog(KeptAnswers):
    """The answers of the current request's owner.

    :param here: the app and the request.
    """

    def __init__(self, here: Current) -> None:
        self._here = here
        self._owner = owner_of(here)

    def find(self, stream_id: str) -> Optional[KeptAnswer]:
        try:
            reading = open_answer(self._here, stream_id)
        except (UnknownStream, StreamGone):
            return None
        try:
            end = end_of(reading)
        finally:
            reading.close()
        return KeptAnswer(reading.head.memo, reading.head.opening, end and end.frame)

    def keep(self, stream_id: str, answer: KeptAnswer) -> None:
        head = StreamHead(
            owner=self._owner,
            content_type=EventStreamFormat.content_type,
            created=int(time.time()),
            memo=answer.memo,
        )
        storage = state_of(self._here.app).replay
        try:
            keep_whole(storage, stream_id, head, answer.opening, answer.ending or b"")
        except StreamError as error:  # its reader gets it all the same
            log.warning("the answer %s can't be kept: %s", stream_id, error)


def open_answer(here: Current, stream_id: str) -> Reading:
    """Begin to read an answer that has begun, of those for whom the current request speaks.

    :raises UnknownStream: there is none of this ID, or it is another's.
    :raises StreamGone: 410, it is kept no more.
    """
    found = find_stream(here, right_to(here, stream_id))
    if isinstance(found, Expected):
        raise UnknownStream()
    return found


END_SECONDS = 10.0
"""How long the end of a stream is waited for whose producer is there no more."""


def end_of(reading: Reading, seconds: float = END_SECONDS) -> Optional[End]:
    """The end of a stream; ``None`` while it goes on.

    :param reading: is open.
    :param seconds: how long to wait for it, where it is about to come.
    """
    log = reading.log
    return log.end if reading.is_live else log.wait_for_end(seconds)
