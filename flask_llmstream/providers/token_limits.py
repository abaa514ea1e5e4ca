"""``capped``: a request's options, with one limit on the tokens of the answer."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from ..records import TOKEN_LIMITS


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
    return {**others, **dict.fromkeys(names, limit)}


def _is_limit(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
