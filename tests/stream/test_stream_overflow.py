"""A stream whose reader has no room: what its reader gets, how it ends, what its summary says."""

from __future__ import annotations

import logging
import operator

import pytest

from flask_llmstream.errors import StreamOverflow, UnsendableItem
from flask_llmstream.sse.event import ServerSentEvent
from tests.stream.test_stream import Running
from tests.support.answers import Answer
from tests.support.runtimes import GREENLETS, HANG_GUARD, LOOPS, PLACES, only
from tests.support.sources import Stalled

everywhere = only(*PLACES, *LOOPS)


def stalled(place, *items, **options):
    """A stream whose source has given all that it could."""
    source = Stalled(place, *items)
    running = Running(place, source, **options).start()
    running.source = source
    source.gave.wait()
    return running


def read(running):
    """All that comes, and the summary."""
    running.source.go_on.set()
    return running.rest(), running.summary()


def data(*texts):
    return b"".join(b"data: %s\n\n" % text.encode() for text in texts)


# The end.


@everywhere
@pytest.mark.parametrize(
    "options",
    [{"overflow": "error", "buffer": 2}, {"overflow": "buffer", "max_buffer_bytes": 20}],
    ids=["error", "buffer"],
)
def test_too_much_ends_the_stream_behind_what_was_accepted(place, options):
    running = stalled(place, *"ABCD", **options)
    received, summary = read(running)
    assert received == data("A", "B")
    assert (summary.reason, summary.items, summary.lost) == ("overflow", 2, 0)
    assert (summary.failure.code, summary.failure.status) == ("overflow", 503)
    assert isinstance(summary.error, StreamOverflow)
    assert running.source.closed


@everywhere
def test_buffer_takes_what_the_options_let_wait(place):
    received, summary = read(stalled(place, *"ABCDEF", overflow="buffer", buffer=1))
    assert received == data(*"ABCDEF")
    assert summary.reason == "complete"


@everywhere
def test_the_reader_is_told_of_the_overflow(place, app, streams):
    source = Stalled(place, *"ABCD")
    options = {"overflow": "error", "buffer": 2}
    app.add_url_rule("/", "view", lambda: streams.response(source, **options))
    with Answer(app, "/") as answer:
        begun = answer.events()
        source.gave.wait()
        *_, last = begun + answer.all_events()
    assert last.event == "error"
    assert '"code":"overflow"' in last.data


# What is lost.


@everywhere
@pytest.mark.parametrize(
    "overflow, blocks", [("drop", [data("A", "B")]), ("latest", [data("A", "B"), data("E")])]
)
def test_what_is_lost_is_counted(place, overflow, blocks):
    running = stalled(place, *"ABCDE", overflow=overflow, buffer=2)
    assert [running.receive() for _ in blocks] == blocks  # before its end, which counts
    rest, summary = read(running)
    received = b"".join(blocks)
    assert rest == b""
    assert summary.reason == "complete"
    assert summary.items == 5
    assert summary.lost == 5 - received.count(b"data")
    assert summary.bytes == len(received)


@everywhere
def test_the_reader_is_told_what_it_lost_where_that_was_asked_for(place):
    events = [ServerSentEvent(text, id=text.lower()) for text in "ABCDE"]
    running = stalled(place, *events, overflow="latest", buffer=1, gaps=True)
    received, _ = read(running)
    gap = b'event: gap\ndata: {"lost":3,"first_id":"b","last_id":"d"}\n\n'
    assert received == b"data: A\nid: a\n\n" + gap + b"data: E\nid: e\n\n"


@everywhere
def test_a_reader_who_asked_for_text_gets_all_of_it_merged(place):
    options = {"overflow": "latest", "coalesce": operator.add, "buffer": 1}
    received, summary = read(stalled(place, *"ABCDE", **options))
    assert received == data("A", "BCDE")
    assert (summary.items, summary.lost) == (5, 0)


@everywhere
@pytest.mark.parametrize(
    "options, texts",
    [
        ({"overflow": "drop"}, ["A"]),
        ({"overflow": "latest"}, ["A", "D"]),
        ({"overflow": "latest", "coalesce": operator.add}, ["A", "BCD"]),
    ],
    ids=["drop", "latest", "merged"],
)
def test_the_text_of_the_summary_is_what_the_reader_got(place, options, texts):
    running = stalled(place, *"ABCD", buffer=1, on_finish=print, **options)
    assert [running.receive() for _ in texts] == [data(text) for text in texts]
    _, summary = read(running)
    assert summary.text == "".join(texts)


@everywhere
def test_items_that_say_nothing_are_sent_as_well(place):
    received, _ = read(stalled(place, "", {}, [], overflow="latest", format="ndjson"))
    assert received == b'{"ended":false,"message":""}\n{}\n[]\n'


# What can't be sent.


@everywhere
@pytest.mark.parametrize("overflow", ["drop", "latest", "error"])
def test_an_item_that_cant_be_sent_ends_the_stream(place, overflow):
    running = Running(place, iter(["A", None, "C"]), overflow=overflow).start()
    assert running.rest() == data("A")
    summary = running.summary()
    assert summary.reason == "error"
    assert isinstance(summary.error, UnsendableItem)


@everywhere
def test_an_item_that_is_found_out_late_ends_the_stream_as_well(place):
    running = stalled(place, "A", {"price": float("nan")}, overflow="latest", buffer=1)
    assert running.rest() == data("A")
    running.source.go_on.set()
    summary = running.summary()
    assert summary.reason == "error"
    assert "the source gave an item that can't be sent" in str(summary.error)
    assert "$.price" in str(summary.error)
    assert running.source.closed


@only(GREENLETS)
def test_a_source_whose_item_is_found_out_late_is_stopped_where_it_waits(place):
    running = stalled(place, "A", None, overflow="latest", buffer=1)
    assert running.rest() == data("A")
    assert running.summary().reason == "error"  # and nobody had it go on
    assert running.source.closed


# Text that may be lost.


@pytest.fixture
def warnings(caplog, request):
    """What the log says of this test's streams, each named after the test."""
    caplog.set_level(logging.WARNING, "flask_llmstream")

    def run(place, item, **options):
        running = Running(place, [item], name=request.node.name, **options)
        running.start().rest()
        running.summary()
        return [record.getMessage() for record in caplog.records]

    return run


@only(GREENLETS)
@pytest.mark.parametrize("overflow", ["drop", "latest", "error"])
def test_text_that_may_be_lost_is_warned_of_once(place, warnings, request, overflow):
    warnings(place, "text", overflow=overflow)
    (warning,) = warnings(place, "text", overflow=overflow)
    assert warning.startswith(f"{request.node.name} streams text with overflow='{overflow}'")


@only(GREENLETS)
@pytest.mark.parametrize("overflow", ["block", "buffer", "missing"])
def test_text_that_is_not_lost_is_not_warned_of(place, warnings, overflow):
    assert warnings(place, "text", overflow=overflow) == []


@only(GREENLETS)
def test_text_that_is_merged_is_not_warned_of(place, warnings):
    assert warnings(place, "text", overflow="latest", coalesce=operator.add) == []


@only(GREENLETS)
def test_snapshots_may_be_lost_without_a_warning(place, warnings):
    assert warnings(place, {"done": 7}, overflow="latest") == []


# Without a buffer.


@everywhere
@pytest.mark.parametrize("overflow", ["block", "missing"])
def test_without_a_buffer_the_source_waits_for_its_reader(place, overflow):
    given = []
    source = (given.append(text) or text for text in "ABC")
    running = Running(place, source, overflow=overflow, buffer=0).start()
    assert running.receive(HANG_GUARD) == data("A")
    assert len(given) <= 2
    assert running.rest() == data("B", "C")
    assert running.summary().items == 3
