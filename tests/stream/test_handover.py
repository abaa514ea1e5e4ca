"""The frames of a stream that may go on without its reader come in order, or not at all."""

from __future__ import annotations

import pytest

from flask_llmstream.channel.channel import Channel
from flask_llmstream.errors import StreamClosed
from flask_llmstream.formats import make_format
from flask_llmstream.runtime.wakeups import ThreadWakeup
from flask_llmstream.stream.handover import Handover


@pytest.fixture
def channel():
    return Channel(ThreadWakeup(), ThreadWakeup())


@pytest.fixture
def handover(channel):
    return Handover("a source", channel, make_format("text", None), None)


def test_a_reader_who_is_about_to_leave_lacks_no_frame_before_one_that_it_gets(channel, handover):
    handover.is_detached = True  # the channel closes a moment later
    handover.send(b"one")
    channel.send(b"two")
    assert channel.receive() == b"onetwo"


def test_a_frame_without_a_reader_is_counted(channel, handover):
    handover.is_detached = True
    channel.discard("disconnect")
    handover.send(b"one")
    counts = handover.with_unread(channel.statistics)
    assert (counts.sent_items, counts.sent_bytes) == (1, 3)


def test_a_frame_behind_the_end_is_refused(channel, handover):
    channel.close("complete")
    with pytest.raises(StreamClosed, match="complete"):
        handover.send(b"one")
