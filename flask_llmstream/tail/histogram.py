"""The gaps between tokens as a histogram in text. Pure."""

from __future__ import annotations

from typing import Callable, List

from .gaps import Gaps
from .progress import duration

_EIGHTHS = " ▏▎▍▌▋▊▉"
_WHOLE = "█"
_WIDEST_BAR = 60


def histogram(gaps: Gaps, columns: int, encoding: str) -> List[str]:
    """The lines of the histogram, and before them one with what they come to.

    :param columns: the width of the terminal.
    :param encoding: of the terminal. Where it has no blocks the bars are made of ``#``.
    """
    if not len(gaps):
        return ["gaps: none, there were no two tokens"]
    buckets = list(gaps.buckets())
    labels = [_label(bucket.below) for bucket in buckets]
    wide, digits = max(map(len, labels)), len(str(max(bucket.gaps for bucket in buckets)))
    bar = _bars(encoding)
    room = max(1, min(_WIDEST_BAR, columns - wide - digits - 7))
    most = max(bucket.gaps for bucket in buckets)
    rows = [
        f"  {label:>{wide}}  {bucket.gaps:>{digits}}  {bar(bucket.gaps * room / most)}".rstrip()
        for label, bucket in zip(labels, buckets)
    ]
    return [_heading(gaps), *rows]


def _heading(gaps: Gaps) -> str:
    shares = ((50, "median"), (90, "90% within"), (99, "99% within"), (100, "longest"))
    told = ", ".join(f"{name} {duration(gaps.percentile(share))}" for share, name in shares)
    return f"{len(gaps)} gaps between tokens: {told}"


def _label(seconds: float) -> str:
    return f"< {seconds:g} s" if seconds >= 1 else f"< {seconds * 1000:g} ms"


def _bars(encoding: str) -> Callable[[float], str]:
    try:
        (_EIGHTHS + _WHOLE).encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return _hashes
    return _blocks


def _blocks(length: float) -> str:
    eighths = -int(-length * 8 // 1)
    return _WHOLE * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _hashes(length: float) -> str:
    return "#" * -int(-length // 1)
