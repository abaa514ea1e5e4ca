"""The worst level of findings, and the exit status for CI."""

from __future__ import annotations

import pytest

from flask_llmstream.doctor.finding import Finding, exit_status, worst


def of(*levels):
    return [Finding("check", level, "seen") for level in levels]


@pytest.mark.parametrize(
    "levels, highest",
    [
        ((), "ok"),
        (("ok", "ok"), "ok"),
        (("ok", "warning", "ok"), "warning"),
        (("warning", "error", "ok"), "error"),
    ],
)
def test_the_worst_counts(levels, highest):
    assert worst(of(*levels)) == highest


@pytest.mark.parametrize(
    "levels, status, strict",
    [(("ok",), 0, 0), (("ok", "warning"), 0, 1), (("warning", "error"), 1, 1), ((), 0, 0)],
)
def test_errors_fail_a_build_and_warnings_do_if_they_are_asked_to(levels, status, strict):
    assert exit_status(of(*levels), strict=False) == status
    assert exit_status(of(*levels), strict=True) == strict


def test_a_level_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="'fatal' is none of ok, warning, error"):
        Finding("check", "fatal", "seen")
