"""``walked``: all members of a request's options, however deeply nested, in one walk.

Servers read limits at many places: ``generation_config.max_output_tokens``,
``extra_body.max_tokens``, ``options.num_predict``. Standard library only, no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Callable, Dict, List, Tuple

Path = Tuple[str, ...]
Visit = Callable[[Path, Any], Any]
"""Called with a member's path and value, it returns the value to take in its place."""

_CLIENTS_DATA = {"tools", "functions", "responseformat", "metadata", "properties", "examples"}
"""The members whose content is the client's own: JSON schemas, labels. No server reads a limit
there."""
_CONTAINERS = (Mapping, list, tuple)
_NO_LETTER = re.compile(r"[\W_]+")


def walked(options: "Mapping[str, Any]", visit: Visit) -> Dict[str, Any]:
    """A copy of the options, each of whose members ``visit`` has seen, the outer ones first."""
    copy: Dict[str, Any] = dict(options)
    waiting: List[Tuple[Path, Any]] = [((), copy)]  # no recursion: the call stack may be deep
    while waiting:
        path, container = waiting.pop()
        for name, value in _members(container):
            at = (*path, str(name))
            value = visit(at, value) if isinstance(container, dict) else value
            if isinstance(value, _CONTAINERS) and plain(name) not in _CLIENTS_DATA:
                value = dict(value) if isinstance(value, Mapping) else list(value)
                waiting.append((at, value))
            container[name] = value
    return copy


def _members(container: Any) -> List[Tuple[Any, Any]]:
    return list(container.items() if isinstance(container, dict) else enumerate(container))


def plain(name: Any) -> str:
    """A member's name as the most tolerant reader takes it: without case, as Go's ``encoding/json``
    compares names, and without ``_`` and ``-``, for ``maxTokens`` and ``max-tokens``."""
    return _NO_LETTER.sub("", str(name).casefold())


def number_of(value: Any) -> float:
    """The number that a server may read in a value; NaN for none. Many read text, too."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return float("nan")
    try:
        return float(value)
    except ValueError:
        return float("nan")
    except OverflowError:
        return float("inf")
