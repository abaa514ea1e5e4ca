"""``Race``: one fast source, one slow reader, and the fate of each item between them."""

from __future__ import annotations

import json
import time
from typing import Any, Callable, Dict, Iterator

import gevent

from flask_llmstream import Emitter, EventStreamDecoder, LLMStream, StreamClosed
from flask_llmstream.channel import ChannelStatistics

BUFFER = 8
TAPE = 96
"""A snapshot has the fate of so many of the latest items."""
SNAPSHOT_SECONDS = 0.1
TEXT = "x" * 40
NOTHING = ChannelStatistics(0, 0, 0, 0)


def merged(waiting: Dict[str, Any], item: Dict[str, Any]) -> Dict[str, Any]:
    """Two items as one that is no longer, so that a reader may stall for any time."""
    return {**item, "first": waiting["first"]}


OPTIONS: Dict[str, Dict[str, Any]] = {
    "block": {"overflow": "block"},
    "buffer": {"overflow": "buffer", "max_buffer_bytes": 64 * 1024},
    "drop": {"overflow": "drop"},
    "latest": {"overflow": "latest"},
    "coalesce": {"overflow": "latest", "coalesce": merged},
    "error": {"overflow": "error"},
    "missing": {"overflow": "missing"},
}
"""A stream's options for each card."""


class Race:
    """A stream that is watched from both of its ends.

    :param rate: items a second that the source sends if it need not wait.
    :param speed: returns how many items a second the reader takes now.
    """

    def __init__(
        self,
        streams: LLMStream,
        options: Dict[str, Any],
        rate: float,
        speed: Callable[[], float],
    ) -> None:
        self._rate = max(rate, 1)
        self._speed = speed
        self._merges = "coalesce" in options
        self._loses_the_one_before = options["overflow"] == "latest"
        self._emitter: Any = None
        self._reader: Any = None
        self._sent = 0
        self._fates = bytearray(TAPE + 1)  # one more than is shown: the item that is being sent
        self._arrived = 0
        self._taken = 0
        self._source_waits = False
        self._reason = ""
        options = {"buffer": BUFFER, "format": "text", "reconnect": "restart", **options}
        self._body = streams.create(self._produce, **options)

    def start(self) -> None:
        """Start the reader, and with it the source."""
        self._reader = gevent.spawn(self._read)

    def stop(self) -> None:
        """End the reader and the source."""
        self._reader.kill()
        self._body.close()

    # The source, on the stream's own worker.

    def _produce(self, emitter: Emitter) -> None:
        self._emitter = emitter
        emitter.on_completion(lambda summary: setattr(self, "_reason", summary.reason))
        next_at = time.monotonic()
        try:
            while True:
                self._send(emitter)
                next_at = max(next_at + 1 / self._rate, time.monotonic())
                time.sleep(next_at - time.monotonic())
        except StreamClosed:
            return

    def _send(self, emitter: Emitter) -> None:
        number, lost = self._sent, emitter.statistics.lost_items
        self._mark(number, "w")
        self._source_waits = True
        emitter.send({"first": number, "last": number, "text": TEXT})
        self._source_waits = False
        self._sent += 1
        if emitter.statistics.lost_items > lost:
            self._mark(number - self._loses_the_one_before, "l")

    # The reader.

    def _read(self) -> None:
        decoder = EventStreamDecoder()
        for block in self._body.response:
            events = [event for event in decoder.feed(block) if event.event == "message"]
            items = [json.loads(event.data) for event in events]
            self._arrived += sum(item["last"] - item["first"] + 1 for item in items)
            for item in items:
                for number in range(item["first"], item["last"] + 1):
                    self._take(number)

    def _take(self, number: int) -> None:
        self._take_its_time()
        self._mark(number, "d")
        self._taken += 1

    def _take_its_time(self) -> None:
        while not self._speed():
            time.sleep(SNAPSHOT_SECONDS)
        time.sleep(1 / self._speed())

    # What the page shows.

    def snapshot(self) -> Dict[str, Any]:
        """The counts, and the fate of each of the latest items, as a letter."""
        counts = NOTHING if self._emitter is None else self._emitter.statistics
        gone = self._arrived + counts.lost_items
        sent = max(self._sent, gone)  # an item may be with the reader before its send returns
        first, waiting = max(sent - TAPE, 0), sent - gone
        held = counts.sent_bytes - counts.received_bytes
        return {
            "sent": sent,
            "delivered": self._taken,
            "on_the_way": self._arrived - self._taken,
            "lost": counts.lost_items,
            "waiting": waiting,
            "bytes": min(waiting, BUFFER + 1) * len(TEXT) if self._merges else held,
            "source_waits": self._source_waits,
            "first": first,
            "tape": "".join(map(self._fate, range(first, sent))),
            "ended": self._reason,
        }

    def _fate(self, number: int) -> str:
        return chr(self._fates[number % len(self._fates)])

    def _mark(self, number: int, fate: str) -> None:
        if number >= self._sent - TAPE:  # older items are not shown any more
            self._fates[number % len(self._fates)] = ord(fate)


def race_all(
    streams: LLMStream, rate: float, speed: Callable[[], float]
) -> Iterator[Dict[str, Dict[str, Any]]]:
    """A snapshot of every strategy's race, ten times a second, until the visitor has left."""
    races = {name: Race(streams, options, rate, speed) for name, options in OPTIONS.items()}
    for race in races.values():
        race.start()
    try:
        while True:
            yield {name: race.snapshot() for name, race in races.items()}
            time.sleep(SNAPSHOT_SECONDS)
    finally:
        for race in races.values():
            race.stop()
