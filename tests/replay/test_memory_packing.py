"""``MemoryStorage`` compresses the streams that ended a while ago. Readers don't notice."""

from __future__ import annotations

from flask_llmstream.replay.base import Limits, StreamHead
from flask_llmstream.replay.memory import PLAIN_STREAMS, MemoryStorage

HEAD = StreamHead("", "text/event-stream")


def ended_stream(storage, stream_id, events):
    recording = storage.record(stream_id, HEAD, lambda reason: None)
    for event in events:
        recording.append(event)
    recording.finish(b"bye", "complete")
    return recording.log


def all_behind(log, after):
    found = b""
    while True:
        block = log.read(after)
        if block is None:
            return found
        found, after = found + block.events, block.last


def test_a_stream_that_ended_a_while_ago_reads_the_same_from_every_position():
    storage = MemoryStorage(Limits(max_bytes=10**7))
    events = [b"data: %d\n\n" % number * (1 + number % 7) for number in range(300)]
    events[7] = b"x" * 500_000
    log = ended_stream(storage, "old", events)
    for number in range(2 * PLAIN_STREAMS):
        ended_stream(storage, f"later {number}", [b"data: x\n\n"])
        at = number % 300
        assert all_behind(log, at) == b"".join(events[at:])
    assert all_behind(storage.read("old").log, 0) == b"".join(events)
