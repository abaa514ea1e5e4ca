"""``ScriptedProvider``: a model that says what its script says."""

from __future__ import annotations

from typing import Any, Generator, Iterable, List, Union

from ..deltas import Delta
from ..errors import ConfigurationError, ProviderError, StreamError
from ..providers.abortable_deltas import AbortableDeltas
from ..providers.base import Piece, Provider
from ..records import CompletionRequest, Usage
from ..sse.event import ServerSentEvent
from .flag import PATIENCE, Flag, checked_seconds, wait_for_any


class Pause:
    """A place in a script where the model waits for the test.

    A pause of several answers is one pause: it holds each of them back, until it is ended for all.

    :param seconds: the longest wait. Then the answer fails with ``unended_pause``, so that a test
        that has forgotten :meth:`end` fails, and does not hang. Default: 10.
    :ivar reached: set when an answer waits here.
    :raises ConfigurationError: ``seconds`` is no number from 0.
    """

    def __init__(self, seconds: float = PATIENCE) -> None:
        self.reached = Flag()
        self._seconds = checked_seconds("seconds", seconds)
        self._ended = Flag()

    def end(self) -> None:
        """Let the model go on, here and each time it comes here again. Any thread may call it."""
        self._ended.set()

    def hold(self, stopped: Flag) -> None:
        """Hold an answer back until the pause is ended, or the answer.

        :param stopped: set when the answer is not wanted any more.
        :raises StreamError: neither was ended in time.
        """
        self.reached.set()
        if not wait_for_any([self._ended, stopped], self._seconds):
            words = f"The script's pause was not ended within {self._seconds:g} s."
            raise StreamError(words, code="unended_pause")


Line = Union[Piece, Exception, Pause]
"""A line of a script."""


class ScriptedProvider(Provider):
    """A model for tests. It gives each request the same answer, as its script says.

    ``ScriptedProvider("Hello", Pause(), " world", Usage(3, 2))`` is one. It needs no server, and
    never sleeps. Any number of answers may run at a time.

    :param script: in this order: pieces, as a provider yields them (a text, a ``Delta``, a
        ``ServerSentEvent``, last a ``Usage``); a :class:`Pause`; last an exception, to be raised.
    :ivar requests: the requests whose answers have begun, in this order. An answer begins when it
        is iterated: not where a view returns a stream that a reader resumes.
    :ivar finished: set when an answer has come to the end of its script. An exception there is an
        end, too.
    :ivar left: set when an answer that had begun was ended before that: its reader left, a timer
        ran out, or it was stopped.
    :raises ConfigurationError: a line is none of these, or comes behind an exception.
    """

    def __init__(self, *script: Line) -> None:
        for place, line in enumerate(script):
            _check(place, line, is_last=place == len(script) - 1)
        self._script = script
        self.requests: List[CompletionRequest] = []
        self.finished = Flag()
        self.left = Flag()

    def stream(self, request: CompletionRequest) -> Iterable[Piece]:
        """Begin one answer."""
        stopped = Flag()
        return AbortableDeltas(self._play(request, stopped), stopped.set)

    def _play(self, request: CompletionRequest, stopped: Flag) -> Generator[Piece, None, None]:
        self.requests.append(request)
        end = self.left
        try:
            for line in self._script:
                if isinstance(line, Exception):
                    end = self.finished
                    raise line.with_traceback(None)  # else it would grow with each answer
                if not isinstance(line, Pause):
                    yield line
                    continue
                line.hold(stopped)
                if stopped.is_set():
                    raise ProviderError("The answer was stopped.", code="aborted")
            end = self.finished
        finally:
            end.set()


def _check(place: int, line: Any, is_last: bool) -> None:
    if not isinstance(line, (str, Delta, Usage, ServerSentEvent, Pause, Exception)):
        raise ConfigurationError(
            f"script[{place}]: has to be a text, a Delta, a Usage, a ServerSentEvent, a Pause or "
            f"an exception, not {line!r:.60}"
        )
    if isinstance(line, Exception) and not is_last:
        raise ConfigurationError(f"script[{place}]: nothing comes behind an exception")
