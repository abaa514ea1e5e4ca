"""``Gaps``: the times between tokens, and their histogram."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.tail.gaps import Bucket, Gaps
from flask_llmstream.tail.histogram import histogram


def gaps_of(*seconds):
    gaps = Gaps()
    for one in seconds:
        gaps.add(one)
    return gaps


def test_a_percentile_is_the_time_within_which_that_share_lies():
    gaps = gaps_of(*(number / 100 for number in range(1, 101)))
    assert [gaps.percentile(share) for share in (50, 90, 99, 100)] == [0.5, 0.9, 0.99, 1.0]


def test_one_gap_is_each_percentile():
    assert {gaps_of(0.25).percentile(share) for share in (0, 50, 100)} == {0.25}


def test_without_a_gap_there_is_no_percentile():
    with pytest.raises(ValueError, match="there are no gaps"):
        Gaps().percentile(50)


def test_gaps_are_counted_by_their_first_two_digits():
    assert gaps_of(0.12345, 0.12355).percentile(100) == 0.12


@pytest.mark.parametrize("seconds, counted", [(0.0995, 0.1), (0.00000049, 0.0), (1234.4, 1200.0)])
def test_they_are_rounded_as_numbers_are(seconds, counted):
    assert gaps_of(seconds).percentile(50) == counted


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(0, 100))
def test_no_percentile_is_further_from_the_true_one_than_a_digit(seconds, share):
    ranked = sorted(seconds)
    true = ranked[max(0, -(-len(ranked) * share // 100) - 1)]
    assert gaps_of(*seconds).percentile(share) == pytest.approx(true, rel=0.051, abs=1e-6)


@given(st.lists(st.floats(0, 1e6)))
def test_each_gap_is_in_one_bucket(seconds):
    assert sum(bucket.gaps for bucket in gaps_of(*seconds).buckets()) == len(seconds)


def test_the_buckets_grow_by_about_two():
    buckets = list(gaps_of(0.0004, 0.03, 0.0021).buckets())
    assert buckets == [
        Bucket(0.001, 1), Bucket(0.002, 0), Bucket(0.005, 1), Bucket(0.01, 0), Bucket(0.02, 0),
        Bucket(0.05, 1),
    ]  # fmt: skip


def test_a_gap_on_a_bound_is_in_the_bucket_above_it():
    assert list(gaps_of(0.02).buckets()) == [Bucket(0.05, 1)]


def test_the_buckets_begin_at_the_shortest_gap():
    assert list(gaps_of(30, 70).buckets()) == [Bucket(50, 1), Bucket(100, 1)]


def test_an_endless_stream_needs_no_more_room_than_a_short_one():
    gaps = gaps_of(*(0.01 + number / 1e7 for number in range(10_000)))
    assert len(gaps) == 10_000
    assert len(pickle.dumps(gaps)) < 200


# The histogram.

SEVEN = gaps_of(0.021, 0.021, 0.022, 0.034, 0.09, 0.0004, 1.34)


def test_the_histogram_in_blocks():
    assert histogram(SEVEN, 60, "utf-8") == [
        "7 gaps between tokens: median 22 ms, 90% within 1.3 s, 99% within 1.3 s, longest 1.3 s",
        "    < 1 ms  1  ███████████",
        "    < 2 ms  0",
        "    < 5 ms  0",
        "   < 10 ms  0",
        "   < 20 ms  0",
        "   < 50 ms  4  ████████████████████████████████████████████",
        "  < 100 ms  1  ███████████",
        "  < 200 ms  0",
        "  < 500 ms  0",
        "     < 1 s  0",
        "     < 2 s  1  ███████████",
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "no-such-encoding"])
def test_a_terminal_without_blocks_gets_number_signs(encoding):
    lines = histogram(gaps_of(0.021, 0.021, 0.03, 0.07), 27, encoding)
    assert lines[1:] == ["   < 50 ms  3  ###########", "  < 100 ms  1  ####"]


def test_a_bar_is_never_so_short_that_it_can_t_be_seen():
    lines = histogram(gaps_of(*[0.03] * 10_000, 0.07), 30, "utf-8")
    assert lines[2].endswith("      1  ▏")


@pytest.mark.parametrize("columns", [1, 20, 200])
def test_a_bar_has_a_width_in_each_terminal(columns):
    bar = histogram(gaps_of(0.03), columns, "utf-8")[1].split()[-1]
    assert 1 <= len(bar) <= 60


def test_without_two_tokens_there_is_nothing_to_show():
    assert histogram(Gaps(), 80, "utf-8") == ["gaps: none, there were no two tokens"]
