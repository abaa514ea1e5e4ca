"""``text_of``: the text of a body, whatever its label says of the charset."""

from __future__ import annotations

import codecs

_BOMS = (  # that of UTF-32 begins as that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def text_of(body: bytes) -> str:
    """The text of a body. A BOM tells the charset and is left out, or else NULs beside the first
    character tell UTF-16. All others are UTF-8; what is none of it becomes U+FFFD."""
    for bom, charset in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(charset, "replace")
    if body[1:2] == b"\0":
        return body.decode("utf-16-le", "replace")
    return body.decode("utf-16-be" if body[:1] == b"\0" else "utf-8", "replace")
