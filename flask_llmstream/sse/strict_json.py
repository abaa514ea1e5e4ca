"""``read_json``: JSON from outside, by RFC 8259 and within bounds. No I/O."""

from __future__ import annotations

import json
from typing import Any

MAX_DIGITS = 1000
"""Of a whole number. Python takes quadratic time to read one, and newer versions refuse to write
some thousands of digits."""


def read_json(text: str) -> Any:
    """The value of a JSON text.

    :raises ValueError: it is not JSON (NaN and infinities are not), or a number has more than
        :data:`MAX_DIGITS` digits.
    :raises RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_int=whole_number, parse_constant=_no_constant)


def whole_number(digits: str) -> int:
    """Read a whole number of a JSON text.

    :raises ValueError: it has more than :data:`MAX_DIGITS` digits.
    """
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


def _no_constant(name: str) -> Any:
    raise ValueError(f"there is no {name} in JSON")
