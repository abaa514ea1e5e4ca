"""Reads the JSON in a request's body. Standard library only, no I/O."""

from __future__ import annotations

import json
import re
from typing import Any, Mapping

from ..errors import RequestError
from ..sse.strict_json import read_json
from .fields import json_type


def parse_json(body: bytes) -> Mapping[str, Any]:
    """The object in a request's body. An empty body is an empty object.

    An escape of half a character (RFC 8259, section 8.2) becomes U+FFFD: a client may cut a text in
    the middle of a character, and neither UTF-8 nor many a model's server can hold the half.

    :raises RequestError: the body is not JSON in UTF-8, or JSON of something else.
    """
    if not body.strip():
        return {}
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        raise RequestError(f"the body is not JSON: it is in {encoding.upper()}; send it in UTF-8")
    try:
        text = body.decode("utf-8-sig")
        if "\\ud" in text or "\\uD" in text:
            text = _ESCAPE.sub(_whole_character, text)
        value = read_json(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RequestError(f"the body has to be an object, not {json_type(value)}")
    return value


_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf"\\\\|{_HIGH}{_LOW}|({_HIGH}|{_LOW})")
"""Of the escapes in JSON: a backslash, two halves of a character, half of one."""


def _whole_character(escape: "re.Match[str]") -> str:
    return r"\ufffd" if escape[1] else escape[0]
