"""``source_chunk``: an annotation of an answer as a source.

Source: OpenAI's reference, "The chat completion object", ``annotations``.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .chunks import chunk


def source_chunk(annotation: Mapping[str, Any], source_id: str) -> Optional[bytes]:
    """The chunk of a page that the answer cites; ``None`` where the annotation is no such page.

    Other servers write the members of ``url_citation`` right into the annotation.
    """
    nested = annotation.get("url_citation")
    cited = nested if isinstance(nested, Mapping) else annotation
    url, title = cited.get("url"), cited.get("title")
    if not isinstance(url, str) or not url:
        return None
    named = {"title": title} if isinstance(title, str) and title else {}
    return chunk("source-url", sourceId=source_id, url=url, **named)
