"""``Session``: shows one stream, from its request to its end."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, Optional

from ..client.errors import EventSourceError
from ..errors import LLMStreamError
from .arrivals import Arrivals
from .frames import FrameLines
from .printing import Output, safe
from .progress import progress
from .reading import News, Reading
from .signals import Terminated, terminal_signals
from .terminal import NoLine
from .verdict import (
    INTERRUPTED,
    TERMINATED,
    TRUNCATED,
    UNREAD,
    UNWRITABLE,
    USAGE,
    Verdict,
    as_sentence,
    of_end,
    of_failure,
)

_REDRAWN_EVERY = 0.1


class Session:
    """Prints what a reading brings, and draws the progress line.

    :param frames: prints the frames in place of the text; ``None``: the text.
    :param clock: the one of the reading.
    :ivar last_event_id: the ID of the last event that was shown. The reading may be further.
    """

    def __init__(
        self,
        reading: Reading,
        output: Output,
        line: NoLine,
        arrivals: Arrivals,
        frames: Optional[FrameLines],
        clock: Callable[[], float],
    ) -> None:
        self._reading = reading
        self._output = output
        self._line = line
        self._arrivals = arrivals
        self._frames = frames
        self._clock = clock
        self.last_event_id: str = reading.source.last_event_id
        self._drawn_at = float("-inf")
        self._reconnecting = ""
        self._verdict: Optional[Verdict] = None
        self._receivers: Dict[str, Callable[[News], None]] = {
            "text": self._text,
            "bytes": self._bytes,
            "reconnecting": self._reconnect,
            "over": self._over,
        }

    def run(self) -> Verdict:
        """Show all of it. The screen is as it was when this returns, but for what was printed."""
        try:
            verdict = self._read()
            self._output.end()
            return verdict
        except BrokenPipeError:
            return Verdict(UNREAD, "unread")
        except OSError as error:
            words = f"The output can't be written: {error.strerror or error}."
            return Verdict(UNWRITABLE, "unwritable", words)

    def _read(self) -> Verdict:
        try:
            with terminal_signals(self._line), self._reading:
                return self._shown()
        except KeyboardInterrupt:
            return Verdict(INTERRUPTED, "interrupted")
        except Terminated:
            return Verdict(TERMINATED, "terminated")
        finally:
            self._line.erase()

    def _shown(self) -> Verdict:
        while self._verdict is None:
            self._draw()
            news = self._reading.next(_REDRAWN_EVERY if self._line.is_live else None)
            if news is not None:
                self._receivers[news.kind](news)
        return self._verdict

    def _draw(self) -> None:
        now = self._clock()
        if self._line.is_live and now - self._drawn_at >= _REDRAWN_EVERY:
            self._drawn_at = now
            reason = self._reconnecting
            self._line.draw(progress(self._doing(), self._arrivals, now, reason))

    def _doing(self) -> str:
        if self._reconnecting:
            return "reconnecting"
        if self._arrivals.tokens:
            return "silent"
        has_response = self._reading.source.response is not None
        return "waiting for the first token" if has_response else "waiting for the response"

    def _text(self, news: News) -> None:
        self._reconnecting = ""
        text, event_id = news.value
        self._arrivals.token(news.at)
        if self._frames is None:
            self._output.text(text)
            self._line.follow(safe(text))
        self.last_event_id = event_id

    def _bytes(self, news: News) -> None:
        self._reconnecting = ""
        if self._frames is not None:
            self._print(self._frames.feed(news.value, news.at))

    def _reconnect(self, news: News) -> None:
        self._arrivals.reconnects += 1
        error, _ = news.value
        self._reconnecting = str(error)
        if self._frames is not None:
            self._print(self._frames.rest(news.at))

    def _over(self, news: News) -> None:
        if self._frames is not None:
            self._print(self._frames.rest(news.at))
        error = news.value
        if error is None:
            self._verdict = of_end(self._reading.source.ending)
        elif isinstance(error, EventSourceError):
            self._verdict = of_failure(error)
        elif isinstance(error, LLMStreamError):  # an event is too large
            self._verdict = Verdict(TRUNCATED, "truncated", as_sentence(str(error)))
        elif isinstance(error, ValueError):  # of requests: the URL or a header can't be sent
            self._verdict = Verdict(USAGE, "not sent", as_sentence(str(error)))
        else:
            raise error

    def _print(self, lines: Iterator[str]) -> None:
        for line in lines:
            self._output.line(line)
