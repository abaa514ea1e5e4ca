"""``smooth``: the bursts of a model become an even flow of words, lines or graphemes."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

from ..errors import ConfigurationError
from ..exceptions.handling import name_of
from ..providers.sdk_streams.kinds import sdk_deltas
from .pacing import Pacer
from .pump import PumpedItems
from .text_units import split_by


def smooth(source: Any, by: str = "word", delay: float = 0.1) -> Any:
    """Give the texts of a source evenly, and cut where a reader expects it.

    Text that comes at once is spread over ``delay``. A word that comes in pieces is given whole, if
    it is complete within ``delay``. No text is given later than ``delay`` after it came, as long as
    its reader keeps up. Items that are no text stay in their order, and are given as they are.

    ::

        streams.response(smooth(deltas))
        CallableProvider(lambda request: smooth(model.stream(request), by="line"))

    :param source: an iterable, plain or asynchronous. It runs on a worker of its own, with the
        contexts of the caller.
    :param by: ``word`` (with the white space behind it; scripts without spaces, such as Chinese,
        Japanese and Thai, by character), ``line``, or ``grapheme`` (one visible character; it needs
        the extra ``graphemes``). A unit of more than 1000 characters is cut.
    :param delay: the longest delay of any text, in seconds. Default: 0.1.
    :returns: an iterable of the same kind as the source, to be iterated once.
    :raises TypeError: the source is not iterable, or is one text.
    :raises ConfigurationError: ``by`` or ``delay`` can't work.
    """
    source = sdk_deltas(source)
    pacer = Pacer(split_by(by), _checked_delay(delay))
    name = name_of(source) or type(source).__name__
    if isinstance(source, AsyncIterable):
        from .smooth_async import SmoothedItems  # loads asyncio

        return SmoothedItems(source, name, pacer)
    if not isinstance(source, Iterable) or isinstance(source, (str, bytes, Mapping)):
        raise TypeError(f"source: has to be an iterable of texts, not {type(source).__name__}")
    return PumpedItems(source, name, pacer)


def _checked_delay(delay: Any) -> float:
    is_number = isinstance(delay, (int, float)) and not isinstance(delay, bool)
    if not is_number or not 0 <= delay < math.inf:
        raise ConfigurationError(f"delay: has to be seconds from 0, not {delay!r}")
    return float(delay)
