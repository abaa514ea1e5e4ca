"""``Pacer``: when each unit of a text is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream import Usage
from flask_llmstream.sources.pacing import LONGEST_UNIT, Pacer
from flask_llmstream.sources.text_units import split_by

DELAY = 8.0


@pytest.fixture
def pacer():
    return Pacer(split_by("word"), DELAY)


def test_the_first_word_is_due_when_it_comes(pacer):
    pacer.take("Hello wor", 0)
    assert pacer.due(0) == ["Hello "]


def test_a_burst_is_spread_evenly_over_the_delay(pacer):
    pacer.take("one two three four ", 100)
    given = [pacer.due(100 + second) for second in (0, 1, 2, 4, 6)]
    assert given == [["one "], [], ["two "], ["three "], ["four "]]


def test_a_word_that_comes_in_pieces_is_given_whole(pacer):
    pacer.take("wor", 0)
    assert pacer.due(1) == []
    pacer.take("ld ", 2)
    assert pacer.due(2) == ["world "]


def test_a_word_that_does_not_end_is_given_after_the_delay(pacer):
    pacer.take("wor", 0)
    assert pacer.seconds_until_due(3) == DELAY - 3
    assert pacer.due(DELAY) == ["wor"]
    assert pacer.is_empty


def test_the_delay_of_a_word_counts_from_its_first_piece(pacer):
    pacer.take("a b c d wor", 0)
    pacer.due(0)
    pacer.take("ld again ", 7)
    assert pacer.due(DELAY) == ["b c d world "]


def test_a_unit_that_is_too_long_is_cut(pacer):
    pacer.take("x" * (LONGEST_UNIT + 1), 0)
    assert pacer.due(0) == ["x" * (LONGEST_UNIT + 1)]


def test_what_is_no_text_keeps_its_place(pacer):
    usage = Usage(1, 2)
    pacer.take("Hel", 0)
    pacer.take(usage, 1)
    pacer.take("lo ", 2)
    assert pacer.all() == ["Hel", usage, "lo "]


def test_nothing_waits_for_nothing(pacer):
    assert pacer.seconds_until_due(5) is None
    assert pacer.due(5) == []


@pytest.mark.parametrize("by", ["word", "line", "grapheme"])
@given(
    arrivals=st.lists(
        st.tuples(st.floats(0, 3), st.one_of(st.text("ab \n你e\u0301"), st.integers()))
    ),
    delay=st.sampled_from([0, 0.5, 8]),
)
def test_all_is_given_in_order_and_nothing_later_than_the_delay(by, arrivals, delay):
    pacer = Pacer(split_by(by), delay)
    now, given, came, due = 0.0, [], [], []
    for wait, item in arrivals:
        now = _run(pacer, now, now + wait, given)
        pacer.take(item, now)
        came.append(item)
        due += [now + delay] * (len(item) if isinstance(item, str) else 1)
    pacer.finish()
    _run(pacer, now, now + 3 * delay + 1, given)
    assert pacer.is_empty
    assert _flat(item for _, item in given) == _flat(came)
    times = [at for at, item in given for _ in _flat([item])]
    assert all(at <= latest + 1e-6 for at, latest in zip(times, due))


def _run(pacer, now, until, given):
    """Ask whenever something is due, as a consumer would."""
    while True:
        given += [(now, item) for item in pacer.due(now)]
        seconds = pacer.seconds_until_due(now)
        if seconds is None or now + seconds > until:
            return until
        now += max(seconds, 1e-9)


def _flat(items):
    """The characters of the texts, and the other items."""
    return [part for item in items for part in (item if isinstance(item, str) else [item])]
