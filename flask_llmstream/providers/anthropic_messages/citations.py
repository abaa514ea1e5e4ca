"""``annotation_of``: a citation becomes an annotation in OpenAI's form, if it names a page.

Source: Anthropic's reference, "Citations"; OpenAI's, "Create chat completion", ``annotations``.
Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Dict, Optional


def annotation_of(citation: Any, start: int, end: int) -> Optional[Dict[str, Any]]:
    """The annotation; ``None`` for a citation of a document, for which OpenAI has no form.

    Anthropic's own members are beside OpenAI's, as ``citation``.

    :param citation: as the server sent it.
    :param start: the place in the answer's text of the first character that cites.
    :param end: the place behind the last one.
    """
    url = citation.get("url") if isinstance(citation, dict) else None
    if not isinstance(url, str) or not url:
        return None
    title = citation.get("title")
    page = {
        "url": url,
        "title": title if isinstance(title, str) else "",
        "start_index": start,
        "end_index": end,
    }
    return {"type": "url_citation", "url_citation": page, "citation": citation}
