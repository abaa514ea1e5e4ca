"""A returning reader is known by the last event ID that a stream gave."""

from __future__ import annotations

import pytest

from flask_llmstream.stream.ids import ended_id, has_seen_end, new_stream_id, opening_id


def test_one_who_has_seen_the_end_is_told_from_one_who_has_not():
    stream_id = new_stream_id()
    assert has_seen_end(ended_id(stream_id)) is True
    assert has_seen_end(opening_id(stream_id)) is False


@pytest.mark.parametrize("own", ["", "17", "a:0", ended_id("x"), f"{'0' * 33}:0"])
def test_an_id_of_an_applications_own_says_nothing(own):
    assert has_seen_end(own) is None
