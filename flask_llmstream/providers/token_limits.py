"""``capped``: a request's options, with one limit on the tokens of the answer.

Standard library only, no I/O.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping

from ..records import TOKEN_LIMITS
from .option_walk import Path, number_of, plain, walked

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
    both together. A limit that is no number above 0 is ignored: to llama.cpp -1 means no limit.

    :param most: the highest number of tokens that the answer may have.
    :param name: the name that the server is known to understand, one of :data:`TOKEN_LIMITS`.
    """
    limits: List[Any] = [options.get(each) for each in TOKEN_LIMITS]
    limit = min([most, *filter(_is_limit, limits)])
    others = {each: value for each, value in options.items() if each not in TOKEN_LIMITS}
    names = {name} if name == "max_completion_tokens" else {TOKEN_LIMITS[0], name}
    kept = walked(others, lambda path, value: limited(path, value, most))
    return {**kept, **dict.fromkeys(names, limit)}


def limited(path: Path, value: Any, most: int) -> Any:
    """The value of an option; ``most`` where it asks for more tokens.

    :param path: the names of the objects that the option is in, and its own.
    """
    name, number = plain(path[-1]), number_of(value)
    if path[-1] == "max_length" or _LIMIT.fullmatch(name):
        too_many = number > most or number < 1
    else:
        too_many = number > most and _PART.fullmatch(name) is not None
    return type(value)(most) if too_many else value


def _is_limit(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
