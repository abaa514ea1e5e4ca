"""Where a text may be cut: behind a word, a line, or a grapheme. Standard library only, no I/O."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib import import_module
from typing import Any, Callable, Dict, List, Pattern, Tuple

from ..errors import ConfigurationError

Split = Callable[[str], Tuple[List[str], str]]
"""Cuts a text into its whole units, and the rest, which may go on with the next text."""

_WITHOUT_SPACES = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Burmese, Khmer
    "\u2e80-\u312f\u31a0-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
)
"""The characters of scripts that put no spaces between words. Each begins a unit of its own."""


def by_word(text: str) -> Tuple[List[str], str]:
    """Words with the white space behind them. A script without spaces is cut behind each character
    with its marks."""
    units = _words().findall(text)
    goes_on = bool(units) and _UNENDED_WORD.match(units[-1]) is not None
    return _without_last(units) if goes_on else (units, "")


def by_line(text: str) -> Tuple[List[str], str]:
    """Lines with their ends: LF, CRLF or CR."""
    units = _LINE.findall(text)
    goes_on = bool(units) and not units[-1].endswith("\n")  # behind a CR, an LF may come
    return _without_last(units) if goes_on else (units, "")


def by_grapheme(text: str) -> Tuple[List[str], str]:
    """Graphemes, as Unicode's annex 29 defines them. The last one may go on with the next text."""
    return _without_last(regex_module().findall(r"\X", text))


def _without_last(units: List[str]) -> Tuple[List[str], str]:
    return units[:-1], "".join(units[-1:])


_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_UNENDED_WORD = re.compile(rf"[^\s{_WITHOUT_SPACES}]+\Z")


@lru_cache(maxsize=None)
def _words() -> Pattern[str]:
    characters = map(chr, range(0x300, 0x10000))
    marks = "".join(one for one in characters if unicodedata.category(one)[0] == "M")
    return re.compile(
        rf"\s+|[{_WITHOUT_SPACES}][{re.escape(marks)}]*\s*|[^\s{_WITHOUT_SPACES}]+\s*"
    )


@lru_cache(maxsize=None)
def regex_module() -> Any:
    """The package regex, which knows graphemes.

    :raises ConfigurationError: it is not installed.
    """
    try:
        return import_module("regex")
    except ImportError:
        raise ConfigurationError(
            "by: 'grapheme' needs the package regex; pip install 'flask-llmstream[graphemes]'"
        ) from None


SPLITS: Dict[str, Split] = {"word": by_word, "line": by_line, "grapheme": by_grapheme}
"""The ways to cut, by the name that ``smooth()`` takes."""


def split_by(name: Any) -> Split:
    """The way to cut that has this name.

    :raises ConfigurationError: there is none, or its package is not installed.
    """
    if not isinstance(name, str) or name not in SPLITS:
        raise ConfigurationError(f"by: {name!r} is none of {', '.join(SPLITS)}")
    split = SPLITS[name]
    split("")  # a missing package is told here, and not in the middle of an answer
    return split
