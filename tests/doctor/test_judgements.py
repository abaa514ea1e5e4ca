"""The judgement of measured figures. Nothing is measured: every time is given."""

from __future__ import annotations

import pytest

from flask_llmstream.doctor.probe import leaving, silence, spacing
from flask_llmstream.doctor.probe.silence import Silence
from flask_llmstream.doctor.probe.spacing import Count, spacing_of

SPACED = [0.02 + second for second in range(10)]
AT_ONCE = [9.01 + 0.0001 * number for number in range(10)]
IN_LUMPS = [4.0] * 5 + [9.0] * 5


def verdict(arrivals, ended=True, server=""):
    return spacing.judged(Count(arrivals, ended), server)


# Spacing.


def test_tokens_that_come_as_they_are_made_are_fine():
    finding = verdict(SPACED)
    assert finding.level == "ok"
    assert "10 tokens came one by one, the first after 0.02 s" in finding.seen
    assert finding.figures["longest_gap"] == pytest.approx(1)


def test_a_stall_here_and_there_is_fine_too():
    stalled = [0, 1, 2, 4.0, 4.01, 5, 6, 8.0, 8.01, 9]
    assert verdict(stalled).level == "ok"


def test_a_server_that_is_busy_at_first_collects_nothing():
    assert verdict([3.4 + number / 5 for number in range(5)]).level == "ok"


@pytest.mark.parametrize(
    "arrivals, how", [(AT_ONCE, "all at once, the first after 9.0 s"), (IN_LUMPS, "in 2 lumps")]
)
def test_tokens_that_were_collected_are_an_error(arrivals, how):
    finding = verdict(arrivals)
    assert finding.level == "error" and f"10 tokens came {how}" in finding.seen


@pytest.mark.parametrize(
    "server, line",
    [("nginx/1.22.1", "proxy_buffering off;"), ("Proxy 1", "no buffering"), ("", "no buffering")],
)
def test_the_line_that_mends_it_is_the_proxy_s_own(server, line):
    finding = verdict(AT_ONCE, server=server)
    assert finding.mend.line.startswith(line)


def test_the_pace_does_not_matter():
    """Ten times faster or slower makes no difference."""
    for pace in (0.1, 10):
        assert spacing_of([at * pace for at in SPACED]).pieces == 10
        assert spacing_of([at * pace for at in AT_ONCE]).pieces == 1


def test_one_token_is_one_piece():
    assert spacing_of([3.0]) == (1, 1, 3.0, 0.0, 3.0)


def test_a_count_that_was_cut_off_is_an_error():
    finding = verdict(SPACED[:4], ended=False)
    assert finding.level == "error" and "cut off after 4 tokens and 3.0 s" in finding.seen


def test_a_count_without_a_token_is_an_error():
    assert verdict([], ended=True).level == "error"


def test_a_count_that_takes_no_time_shows_nothing():
    assert verdict([0.001 * number for number in range(10)]).level == "warning"


# Silence. A heartbeat every 15 s unless a test says otherwise.


def after(lasted, outcome, asked=20, heartbeat=15):
    return silence.judged(Silence(lasted, outcome), asked, heartbeat)


def test_silence_that_outlives_the_heartbeat_is_fine():
    finding = after(20.01, "survived")
    assert (finding.level, finding.seen) == ("ok", "survived 20 s; a heartbeat comes every 15 s")


def test_no_more_is_said_to_survive_than_was_measured():
    assert "survived 19.9 s" in after(19.97, "survived").seen


def test_silence_shorter_than_the_heartbeat_proves_too_little():
    finding = after(5.0, "survived", asked=5)
    assert (finding.level, "--silence 20" in finding.mend.line) == ("warning", True)


def test_without_heartbeats_no_silence_proves_enough():
    finding = after(20.0, "survived", heartbeat=0)
    assert (finding.level, finding.seen) == ("warning", "survived 20 s; there are no heartbeats")


@pytest.mark.parametrize("outcome, how", [("cut", "cut off"), ("lost", "lost without a word")])
@pytest.mark.parametrize("heartbeat", [15, 0])
def test_silence_that_ends_before_the_heartbeat_is_an_error(outcome, how, heartbeat):
    finding = after(10.04, outcome, heartbeat=heartbeat)
    assert finding.level == "error" and finding.seen == f"{how} after 10.0 s"
    assert finding.mend.line == 'app.config["LLMSTREAM_HEARTBEAT"] = 5'


def test_a_heartbeat_is_never_asked_for_more_than_once_a_second():
    assert after(0.5, "cut").mend.line.endswith("= 1")


def test_silence_that_ends_behind_the_heartbeat_never_comes_to_that():
    finding = after(17.0, "cut")
    assert finding.level == "ok" and "which keeps streams from that" in finding.seen


def test_tokens_that_were_held_back_prove_nothing():
    assert after(0.0, "held").level == "warning"


# Leaving, in silence of 20 s.


def left(fate, stayed=0.0, heartbeat=15, server="nginx/1.22.1"):
    return leaving.judged(fate, stayed, 20, heartbeat, server)


def closed(reason, seconds):
    return {"state": "closed", "reason": reason, "seconds": seconds}


def test_a_departure_that_is_noticed_is_fine_and_told_with_its_time():
    finding = left(closed("disconnect", 2.31), stayed=2.0)
    assert finding.level == "ok" and "noticed within 0.4 s" in finding.seen
    assert finding.figures["noticed_after"] == pytest.approx(0.31)


def test_a_departure_that_is_noticed_late_is_a_warning():
    finding = left(closed("disconnect", 12.04))
    assert finding.level == "warning" and "noticed only after 12.0 s" in finding.seen


def test_no_departure_is_noticed_before_it_happened():
    assert left(closed("disconnect", 1.9), stayed=2.0).figures["noticed_after"] == 0


@pytest.mark.parametrize("fate", [closed("complete", 20.0), {"state": "open"}])
def test_a_departure_that_nobody_notices_is_a_warning_and_without_heartbeats_an_error(fate):
    finding = left(fate)
    assert finding.level == "warning" and "not noticed in 20 s of silence" in finding.seen
    assert left(fate, heartbeat=0).level == "error"


@pytest.mark.parametrize(
    "server, line",
    [
        ("nginx/1.22.1", "proxy_ignore_client_abort off;"),
        ("Apache/2.4.66 (Debian)", 'app.config["LLMSTREAM_HEARTBEAT"] = 5'),
        ("gunicorn", "option abortonclose"),
        ("", "option abortonclose"),
    ],
)
def test_the_line_that_mends_a_departure_is_the_proxy_s_own(server, line):
    assert left(closed("complete", 20.0), server=server).mend.line == line


def test_a_stream_that_no_process_knows_proves_nothing():
    finding = leaving.unknown(processes=2)
    assert finding.level == "warning" and "of the 2 processes" in finding.seen
