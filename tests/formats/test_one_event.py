"""Formats that are marked to make a text one whole event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.deltas import Delta
from flask_llmstream.formats.base import has_one_event
from flask_llmstream.formats.message import MessageFormat
from flask_llmstream.formats.openai import ChatCompletionChunks
from flask_llmstream.replay.numbering import split_events

MARKED = [MessageFormat, lambda: ChatCompletionChunks("a-model")]


@pytest.mark.parametrize("make", MARKED)
@given(texts=st.lists(st.text(st.characters()), min_size=1, max_size=5))
def test_any_text_is_one_event_or_nothing(make, texts):
    format = make()
    assert has_one_event(format)
    for frame in map(format.item, texts):
        assert split_events(frame) == ([frame] if frame else [])


@pytest.mark.parametrize("make", MARKED)
def test_half_a_character_waits_for_the_other_half(make):
    format = make()
    frames = [format.item(text) for text in ("\ud83d", "\ude00", "\ud83d", "x")]
    assert [len(split_events(frame)) for frame in frames] == [0, 1, 0, 1]


def test_a_format_that_writes_items_in_a_way_of_its_own_is_not_marked():
    class Twice(MessageFormat):
        def item(self, item):
            return 2 * super().item(item)

    assert not has_one_event(Twice())
    assert len(split_events(Twice().item("a"))) == 2
    assert len(split_events(Twice().item(Delta(text="a")))) == 2
