"""``json_value``: the value of a JSON text, the same with and without orjson.

orjson (the ``fast`` extra) reads most texts. The standard library reads those that orjson refuses
or would read in another way. A number that JSON does not have (``NaN``), and one that is too large
for a float (``1e999``), become ``None``. No I/O.
"""

from __future__ import annotations

import json
import math
from typing import Any, Callable, Optional, Tuple

from ...sse.json import orjson


def _finite(digits: str) -> Optional[float]:
    number = float(digits)
    return number if math.isfinite(number) else None


def _nothing(constant: str) -> None:
    """Stands for ``NaN`` and ``Infinity``."""


_decoder: Any = json.JSONDecoder(parse_float=_finite, parse_constant=_nothing)

standard_json_value: Callable[[str], Any] = _decoder.decode
"""As :func:`json_value`, read by the standard library."""

scan_value: Callable[[str, int], Tuple[Any, int]] = _decoder.scan_once
"""The value that begins at a place, and the place behind it: ``scan_value(text, at)``.

:raises StopIteration, ValueError, RecursionError: there is none.
"""

_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19
"""An integer with fewer digits has 64 bits. Of a longer one orjson may make a float."""


def _fast_json_value(text: str) -> Any:
    try:
        data = text.encode()
        if _LONG_NUMBER not in data.translate(_ZEROS):  # a third of a regular expression's time
            return orjson.loads(data)
    except ValueError:
        pass  # also half of a surrogate pair; the standard library tells what is wrong, if it is
    return standard_json_value(text)


json_value: Callable[[str], Any] = standard_json_value if orjson is None else _fast_json_value
"""The value of a JSON text.

:raises ValueError: it is no JSON.
:raises RecursionError: it is nested too deeply.
"""
