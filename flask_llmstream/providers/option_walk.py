"""``walked``: all members of a request's options, however deeply nested, in one walk.

Servers read limits at many places: ``generation_config.max_output_tokens``,
``extra_body.max_tokens``, ``options.num_predict``. Standard library only, no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Callable, Dict, Iterable, List, Tuple

Path = Tuple[str, ...]
Visit = Callable[[Path, str, Any], Any]
"""Called with the path of an object, the name of one of its members and the member's value, it
returns the value to take in its place."""

_CLIENTS_DATA = {"tools", "functions", "responseformat", "metadata", "properties", "examples"}
"""The members whose content is the client's own: JSON schemas, labels. No server reads a limit
there."""
_SCALARS = {str, int, float, bool, type(None)}
_LONGEST_NAME = 64
"""The most characters of a name that are looked at. No server has a longer one."""
_NO_LETTER = re.compile(r"[\W_]+")


def walked(options: "Mapping[str, Any]", visit: Visit) -> Dict[str, Any]:
    """A copy of the options, each of whose members ``visit`` has seen, the outer ones first."""
    copy: Dict[str, Any] = dict(options)
    waiting: List[Tuple[Path, Any]] = [((), copy)]  # no recursion: the call stack may be deep
    while waiting:
        path, container = waiting.pop()
        is_object = container.__class__ is dict
        for name, value in _members(container):
            if is_object:
                value = container[name] = visit(path, name, value)
            if value.__class__ in _SCALARS or not value:
                continue
            if not is_object or plain(name) not in _CLIENTS_DATA:
                container[name] = value = _copied(value)
                waiting.append(((*path, str(name)), value))
    return copy


def _members(container: Any) -> Iterable[Tuple[Any, Any]]:
    if container.__class__ is dict:
        return list(container.items())
    return enumerate(container) if container.__class__ is list else ()


def _copied(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return list(value)
    return dict(value) if isinstance(value, (dict, Mapping)) else value


def plain(name: Any) -> str:
    """A member's name as the most tolerant reader takes it: without case, as Go's ``encoding/json``
    compares names, and without ``_`` and ``-``, for ``maxTokens`` and ``max-tokens``."""
    return _plain(str(name)[:_LONGEST_NAME])


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    return _NO_LETTER.sub("", name.casefold())


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
