"""``show``: one stream, from its request to the last words about it."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from time import monotonic
from typing import Any, Iterator, Mapping, NamedTuple, Optional

from .arrivals import Arrivals
from .frames import FrameLines
from .histogram import histogram
from .printing import Output
from .progress import summary
from .reading import Reading
from .request import BadArgument, without_login
from .session import Session
from .terminal import NoLine, line_for, size_of
from .verdict import GOES_ON, UNREAD, Verdict


class Shown(NamedTuple):
    """What is to be said of a stream that was shown.

    :ivar seconds: from the request to the end.
    :ivar stream_url: where the server keeps the answer; ``None`` where it does not.
    :ivar last_event_id: the last event that was shown; ``""`` for none.
    :ivar is_amid_line: whether the next words on stderr would stand behind the text.
    """

    verdict: Verdict
    arrivals: Arrivals
    seconds: float
    stream_url: Optional[str]
    last_event_id: str
    is_amid_line: bool

    def lines(self, command: str, has_headers: bool, timing: bool, quiet: bool) -> Iterator[str]:
        """The last lines, for stderr.

        :param command: the words that call the command.
        :param has_headers: whether the request had headers of the user's.
        """
        if self.verdict.status == UNREAD:
            return
        if not quiet:
            yield summary(self.verdict.reason, self.arrivals, self.seconds, self.verdict.usage)
        if self.verdict.sentence:
            yield self.verdict.sentence
        if self.stream_url is not None and self.verdict.status in GOES_ON:
            url = without_login(self.stream_url)
            same = [_HEADERS] * has_headers + [_LOGIN] * (url != self.stream_url)
            yield f"The server keeps the answer for a while. Its rest{''.join(same)}:"
            yield f"  {self._way_back(command, url)}"
        if timing:
            columns = size_of(sys.stderr).columns
            yield from histogram(self.arrivals.gaps, columns, sys.stderr.encoding)

    def _way_back(self, command: str, url: str) -> str:
        behind = f" --last-event-id {shlex.quote(self.last_event_id)}" if self.last_event_id else ""
        return f"{command} {shlex.quote(url)}{behind}"


_HEADERS = ", with the same --header"
_LOGIN = ", with the same login in the URL"


def show(url: str, arguments: Mapping[str, Any], events: bool, quiet: bool) -> Shown:
    """Read a stream, and print it.

    :param arguments: those of ``EventSource``.
    :param events: print the frames in place of the text.
    :param quiet: draw no progress line.
    :raises BadArgument: an argument that ``EventSource`` refuses.
    :raises KeyboardInterrupt: before the request was made.
    """
    from ..client.event_source import EventSource  # loads requests, which only this needs

    output = Output()
    line = NoLine() if quiet else line_for(output.may_be_on_screen)
    asked_at = monotonic()
    arrivals = Arrivals(asked_at)
    try:
        reading = Reading(partial(EventSource, url, **arguments), monotonic)
    except ValueError as error:
        raise BadArgument("can't be sent", str(error)) from None
    frames = FrameLines(asked_at) if events else None
    session = Session(reading, output, line, arrivals, frames, monotonic)
    verdict, seconds = session.run(), monotonic() - asked_at
    return Shown(
        verdict, arrivals, seconds, reading.source.stream_url, session.last_event_id,
        output.is_amid_line_of_stderr,
    )  # fmt: skip
