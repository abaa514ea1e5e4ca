"""JSON Merge Patch (RFC 7396). Standard library only, no I/O."""

from __future__ import annotations

from typing import Any, Dict, Mapping


def patched(target: Mapping[str, Any], patch: Mapping[str, Any]) -> Dict[str, Any]:
    """A copy of an object with the changes of a patch: a member of the patch takes the place of
    the same member, ``None`` removes it, and objects are patched in their turn."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            old = result.get(name)
            result[name] = patched(old if isinstance(old, Mapping) else {}, value)
        else:
            result[name] = value
    return result
