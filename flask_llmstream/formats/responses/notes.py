"""The notes on a text, and the log probabilities of its tokens, in the form of a response."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

_MEMBERS: Mapping[str, Mapping[str, type]] = {
    "url_citation": {"url": str, "title": str, "start_index": int, "end_index": int},
    "file_citation": {"file_id": str, "filename": str, "index": int},
    "container_file_citation": {
        **{"container_id": str, "file_id": str, "filename": str},
        **{"start_index": int, "end_index": int},
    },
    "file_path": {"file_id": str, "index": int},
}
"""The kinds of notes, and their members. Clients with types fail at another kind, and where one of
the members is missing."""


def annotation_of(annotation: Mapping[str, Any], length: int) -> Optional[Dict[str, Any]]:
    """A note in the form of a response; ``None`` where it has no form there.

    In a chat completion the members of a note stand in a member that is called like its type. A
    note that says no place is about the end of the text so far, and one without a title has "".

    :param length: the number of characters of that text.
    """
    kind = annotation.get("type")
    wanted = _MEMBERS.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        return None
    inner = annotation.get(str(kind))
    said = {**annotation, **(inner if isinstance(inner, Mapping) else {}), "type": kind}
    if said.get(str(kind)) is inner:
        said.pop(str(kind), None)
    usual = {"title": "", "start_index": length, "end_index": length, "index": length}
    for name in wanted.keys() & usual.keys():
        if said.get(name) is None:
            said[name] = usual[name]
    return said if all(_is(said.get(name), type) for name, type in wanted.items()) else None


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def logprobs_of(logprobs: Optional[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """The log probabilities of a piece of text. What is no token's is left out."""
    tokens = _tokens(None if logprobs is None else logprobs.get("content"))
    return [{**token, "top_logprobs": _tokens(token.get("top_logprobs"))} for token in tokens]


def _tokens(tokens: Any) -> List[Dict[str, Any]]:
    """Those with their log probability. Clients with types insist on the bytes: [] for none."""
    return [
        {**token, "bytes": token.get("bytes") or []}
        for token in (tokens if isinstance(tokens, (list, tuple)) else ())
        if isinstance(token, Mapping)
        and isinstance(token.get("token"), str)
        and _is(token.get("logprob"), (int, float))
    ]
