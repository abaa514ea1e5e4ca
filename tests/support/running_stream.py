"""``Running``: one stream of a test, with its timers, its clock, and hooks that record calls."""

from __future__ import annotations

from flask_llmstream.formats import make_format
from flask_llmstream.runtime.runtime import runtime_for
from flask_llmstream.stream.options import StreamOptions
from flask_llmstream.stream.stream import Stream
from flask_llmstream.views.async_streams import AsyncStream
from tests.support.manual_timers import ManualClock, ManualSchedule
from tests.support.runtimes import HANG_GUARD, here


class Told:
    """The hooks of a stream. They record their calls.

    :param enter: runs the stream's work in some context.
    """

    def __init__(self, place, enter):
        self.enter = enter
        self.is_debug = lambda: False
        self.summaries = []
        self.departures = []
        self.departure = place.for_reader()
        self.ran_on = None
        self.released = []
        self._ended = place.for_reader()

    @property
    def debug(self):
        return self.is_debug()

    def run_in_background(self, work):
        work()

    def left(self, stream, summary):
        self.departures.append(summary)
        self.departure.set()

    def hears(self, stream):
        return True

    def finished(self, stream, summary):
        self.ran_on = here()
        self.summaries.append(summary)

    def release(self, stream):
        self.released.append(len(self.summaries))
        self._ended.set()

    def wait_for_the_release(self):
        """The summaries so far, once the slot was given back."""
        self._ended.wait()
        assert len(self.released) == 1, "the slot was given back once"
        return self.summaries

    def summary(self):
        """The one summary. Waits until the slot was given back."""
        (summary,) = self.wait_for_the_release()
        return summary


class Running:
    """A stream of a test, with its timers and its clock.

    :param place: the place where the test and the producer run.
    :param source: an iterable.
    """

    def __init__(
        self,
        place,
        source,
        *,
        name="the source",
        format="text",
        enter=lambda work: work(),
        **options,
    ):
        self.place = place
        self.schedule = ManualSchedule()
        self.clock = ManualClock()
        self.told = Told(place, enter)
        kind = AsyncStream if place.is_loop else Stream
        self.stream = kind(
            "an-id",
            name,
            source,
            make_format(format, None),
            StreamOptions(**options),
            self.told,
            self.clock,
        )

    def start(self, **changes):
        runtime = runtime_for(self.place.worker)._replace(schedule=self.schedule, **changes)
        self.stream.start(runtime, self.told.release)
        return self

    def receive(self, timeout=HANG_GUARD):
        return self.stream.receive(timeout)

    def rest(self):
        """All bytes to the end."""
        return b"".join(iter(self.receive, None))

    def summary(self):
        """The summary of a stream whose producer ends by itself. The reader then abandons it."""
        summary = self.told.summary()
        self.stream.abandon()
        return summary

    def leave(self):
        """The summary after the reader has left."""
        self.stream.abandon()
        return self.told.summary()
