"""``capped``: a request's options, with one limit on the tokens of the answer.

Standard library only, no I/O.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Dict, List, Mapping, Optional

from ..records import TOKEN_LIMITS
from .option_walk import number_of, plain, walked

_LIMIT = re.compile(
    "max(new|output|completion|gen|generated|generation|response|decode)?tokens?"
    "(tosample|togenerate)?|n(um)?(predict|tokens(topredict)?)|tokenstogenerate"
    "|max(gen|new|output|response)len(gth)?|(output)?tokenlimit"
)
"""The names of a limit of the answer's tokens. A number below 1 means no limit there."""
_PART = re.compile(
    "(?!.*(prompt|input|context|cache|total))"
    "(.*(min|max|budget|limit).*token.*|.*token.*(max|budget|limit)|(thinking|reasoning)budget)"
)
"""The names of a number of tokens that is part of the answer: the fewest, those of reasoning."""


def capped(options: Mapping[str, Any], most: int, name: str) -> Dict[str, Any]:
    """The options with one limit of tokens: the lowest of ``most`` and of all that they contain.

    The limit is sent under ``name`` and as ``max_tokens``, which nearly all servers know. With
    ``max_completion_tokens`` it is sent under that name alone: OpenAI's models that need it refuse
    both together. A limit that is no number from 1 is ignored: to llama.cpp -1 means no limit.

    :param most: the highest number of tokens that the answer may have.
    :param name: the name that the server is known to understand, one of :data:`TOKEN_LIMITS`.
    """
    limit = min(most, lowest(options) or most)
    others = {each: value for each, value in options.items() if each not in TOKEN_LIMITS}
    names = {name} if name == "max_completion_tokens" else {TOKEN_LIMITS[0], name}
    kept = walked(others, lambda path, name, value: limited(name, value, most))
    return {**kept, **dict.fromkeys(names, limit)}


def lowest(options: Mapping[str, Any]) -> Optional[int]:
    """The lowest limit of tokens in the options; ``None`` without one."""
    limits: List[Any] = [options.get(each) for each in TOKEN_LIMITS]
    return min(map(int, filter(_is_limit, limits)), default=None)


def limited(name: str, value: Any, most: int) -> Any:
    """The value of an option; ``most`` where it asks for more tokens."""
    means = _meaning(plain(name))
    if means is None and name != "max_length":  # in JSON schemas it is maxLength
        return value
    number = number_of(value)
    too_many = number > most or (number < 1 and means is not _PART)
    return type(value)(most) if too_many else value


@lru_cache(maxsize=1024)
def _meaning(name: str) -> "Optional[re.Pattern[str]]":
    if not any(word in name for word in ("token", "predict", "len", "budget")):
        return None  # quickly: a request may have many members
    return next((each for each in (_LIMIT, _PART) if each.fullmatch(name)), None)


def _is_limit(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 1
