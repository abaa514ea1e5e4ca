"""``read_content``: the ``content`` of a delta or a message: a text, or a list of typed parts.

Sources: OpenAI's reference, "Create chat completion" (the parts of an assistant's message);
Mistral's, "Reasoning" (``thinking``) and "Citations" (``reference``).
"""

from __future__ import annotations

from typing import Any, Iterator, List, Mapping, NamedTuple

_TEXTS = frozenset({None, "text", "output_text"})
_THOUGHTS = frozenset({"thinking", "reasoning"})
_TEXT_MEMBERS = ("text", "value", "content", "summary")


class Content(NamedTuple):
    """What a content says.

    :ivar text: the text parts, joined.
    :ivar reasoning: the parts of reasoning, joined.
    :ivar refusal: the parts of a refusal, joined.
    :ivar others: the other parts, as the server sent them, and what the parts above have beside
        their text (a signature, for example).
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    others: List[Any] = []


def read_content(content: Any) -> Content:
    """Read one content.

    :raises ValueError: it is no text and no part of a content.
    """
    if isinstance(content, str):
        return Content(content)
    if content is None:
        return Content()
    texts: List[str] = []
    thoughts: List[str] = []
    refusals: List[str] = []
    others: List[Any] = []
    for part in content if isinstance(content, list) else [content]:
        kind = _kind_of(part)
        if kind in _TEXTS:
            texts.append(text_in(part))
        elif kind in _THOUGHTS:
            thoughts.append(text_in(part))
        elif kind == "refusal":
            refusals.append(text_in(part))
        else:
            others.append(part)
            continue
        others.extend(_beside_text(part))
    return Content("".join(texts), "".join(thoughts), "".join(refusals), others)


def text_in(part: Any) -> str:
    """The text of a part: in the member of its type's name, perhaps in parts again.

    :raises ValueError: there is something else than text.
    """
    if part is None or isinstance(part, str):
        return part or ""
    if isinstance(part, list):
        return "".join(map(text_in, part))
    if isinstance(part, dict):
        return text_in(part.get(_text_member(part)))
    raise ValueError(f"a text was expected, not {type(part).__name__}")


def _text_member(part: Mapping[str, Any]) -> str:
    """The name of the member that has a part's text: its type's own, or one of the usual ones."""
    kind = part.get("type")
    names = (kind if isinstance(kind, str) else "text", *_TEXT_MEMBERS)
    return next((name for name in names if part.get(name) is not None), "text")


def _beside_text(part: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(part, dict):
        read = ("type", _text_member(part))
        beside = {name: value for name, value in part.items() if name not in read}
        if any(beside.values()):
            yield {"type": part.get("type"), **beside}


def _kind_of(part: Any) -> Any:
    if part is None or isinstance(part, str):
        return "text"
    if isinstance(part, dict):
        kind = part.get("type")
        if isinstance(kind, str) or (kind is None and "text" in part):
            return kind
    raise ValueError(f"content: has to be text or a list of parts, not {_name_of(part)}")


def _name_of(value: Any) -> str:
    return "an object without a type" if isinstance(value, dict) else type(value).__name__
