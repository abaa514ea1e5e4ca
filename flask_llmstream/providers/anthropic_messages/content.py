"""``blocks_of``: the content of a message in OpenAI's form becomes content blocks.

A part of another type than those of OpenAI's is Anthropic's own, and is sent on as it came.
Sources: OpenAI's reference, "Create chat completion", ``messages``; Anthropic's, "Messages",
``content``. Standard library only, no I/O.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any, Callable, Dict, List, Mapping, NamedTuple

from ...errors import RequestError

Block = Dict[str, Any]

NOT_TAKEN = {
    "input_audio": "This model hears no audio.",
    "audio": "This model hears no audio.",
    "video_url": "This model sees no videos.",
}
"""The types of parts for which the Messages API has nothing, each with the words for the client."""


def blocks_of(content: Any, at: str) -> List[Block]:
    """The content blocks.

    :param content: text, a list of parts, or ``None``.
    :param at: the place of the content in the request, for errors.
    :raises RequestError: a part can't be sent; the error names it.
    """
    if content is None:
        return []
    if isinstance(content, str):
        return [text_block(content)]
    if not isinstance(content, (list, tuple)):
        raise RequestError("has to be text or a list of parts", field=at)
    return [_block(part, f"{at}[{index}]") for index, part in enumerate(content)]


def text_block(text: str) -> Block:
    """A block of text alone."""
    return {"type": "text", "text": text}


def without_blanks(blocks: List[Block]) -> List[Block]:
    """The blocks without those of white space, which the API refuses. Models write an empty line
    before a call of a tool, and clients send it back."""
    return [block for block in blocks if not _is_blank(block)]


def _is_blank(block: Block) -> bool:
    text = block.get("text")
    return block.get("type") == "text" and isinstance(text, str) and not text.strip()


def _block(part: Any, at: str) -> Block:
    if isinstance(part, str):
        return text_block(part)
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(kind, str):
        raise RequestError("has to be an object with a type", field=at)
    if kind in NOT_TAKEN:
        raise RequestError(NOT_TAKEN[kind], field=at)
    if kind in ("text", "refusal") and not isinstance(part.get(kind), str):
        raise RequestError("has to be text", field=f"{at}.{kind}")
    made = _MADE[kind](part, at) if kind in _MADE else dict(part)
    marks = {"cache_control": part["cache_control"]} if part.get("cache_control") else {}
    return {**made, **marks}


def _refusal(part: Mapping[str, Any], at: str) -> Block:
    return text_block(part["refusal"])


def _image(part: Mapping[str, Any], at: str) -> Block:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    at = f"{at}.image_url"
    if isinstance(url, str) and url[:8].lower() == "https://":
        return {"type": "image", "source": {"type": "url", "url": url}}
    return {"type": "image", "source": _data_in(url, at, "an https: or a data: URL").as_source()}


def _file(part: Mapping[str, Any], at: str) -> Block:
    """A document. A name of a file becomes its title."""
    file = part.get("file")
    if not isinstance(file, Mapping):
        raise RequestError("has to be an object", field=f"{at}.file")
    name = file.get("filename")
    title = {"title": name} if isinstance(name, str) and name else {}
    if isinstance(file.get("file_id"), str):
        source: Block = {"type": "file", "file_id": file["file_id"]}
        return {"type": "document", "source": source, **title}
    data = _data_in(file.get("file_data"), f"{at}.file.file_data", "a data: URL")
    if data.media_type.startswith("image/"):
        return {"type": "image", "source": data.as_source()}
    is_text = data.media_type.startswith("text/")
    source = data.as_text(f"{at}.file.file_data") if is_text else data.as_source()
    return {"type": "document", "source": source, **title}


class _Data(NamedTuple):
    """The data in a ``data:`` URL, in base64."""

    media_type: str
    base64: str

    def as_source(self) -> Block:
        return {"type": "base64", "media_type": self.media_type, "data": self.base64}

    def as_text(self, at: str) -> Block:
        try:
            text = b64decode(self.base64, validate=True).decode()
        except (binascii.Error, ValueError):
            raise RequestError("has to be UTF-8 in base64", field=at) from None
        return {"type": "text", "media_type": "text/plain", "data": text}


def _data_in(url: Any, at: str, wanted: str) -> _Data:
    head, comma, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    scheme, _, label = head[:200].partition(":")
    media_type, *options = label.split(";")
    in_base64 = bool(options) and options[-1].strip().lower() == "base64"
    if scheme.lower() != "data" or not comma or not in_base64 or "/" not in media_type:
        raise RequestError(f"has to be {wanted}, as 'data:image/png;base64,…'", field=at)
    return _Data(media_type.strip().lower(), data)


_MADE: Dict[str, Callable[[Mapping[str, Any], str], Block]] = {
    "refusal": _refusal,
    "image_url": _image,
    "file": _file,
}
