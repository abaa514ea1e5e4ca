"""``file_part``: a file of a user's message as a part of a chat completion's content.

Sources: AI SDK, "UIMessage" (``FileUIPart``); OpenAI's reference, "Create chat completion"; RFC
2397, "The data URL scheme". Standard library only, no I/O.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import Any, Dict, NamedTuple
from urllib.parse import unquote_to_bytes

from .parts import Part

_AUDIO = {
    **dict.fromkeys(("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"), "wav"),
    **dict.fromkeys(("audio/mpeg", "audio/mp3"), "mp3"),
}
"""The formats of audio that a chat completion has a name for."""


def file_part(part: Part) -> Dict[str, Any]:
    """The part of the content: an image, audio, the text of a text file, or a file.

    :raises RequestError: the file can't be read, or is none that a model's server can get.
    """
    media_type = part.text("mediaType").partition(";")[0].strip().lower()
    url = part.text("url")
    is_data = url[:5].lower() == "data:"
    if media_type.partition("/")[0] == "image":
        if not is_data and url.partition(":")[0].lower() not in ("http", "https"):
            raise part.error("url", "has to be a data:, https: or http: URL")
        return {"type": "image_url", "image_url": {"url": url}}
    if not is_data:
        raise part.error("url", "has to be a data: URL; only an image may have another")
    if "/" not in media_type or media_type.endswith("/*"):  # as "audio" alone
        media_type = url[len("data:") :].partition(",")[0].partition(";")[0].strip().lower()
    if media_type in _AUDIO:
        audio = {"data": _data_in(part, url).as_base64(), "format": _AUDIO[media_type]}
        return {"type": "input_audio", "input_audio": audio}
    if media_type.startswith("text/"):
        return {"type": "text", "text": _data_in(part, url).as_text()}
    name = part.members.get("filename")
    file = {"filename": name if isinstance(name, str) and name else "file", "file_data": url}
    return {"type": "file", "file": file}


class _Data(NamedTuple):
    """The data in a ``data:`` URL."""

    part: Part
    text: str
    in_base64: bool

    def as_base64(self) -> str:
        return self.text if self.in_base64 else b64encode(self._bytes()).decode()

    def as_text(self) -> str:
        try:
            return self._bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise self.part.error("url", "has to be text in UTF-8") from None

    def _bytes(self) -> bytes:
        data = unquote_to_bytes(self.text)
        try:
            return b64decode(data, validate=True) if self.in_base64 else data
        except binascii.Error:
            raise self.part.error("url", "has to be base64 behind the comma") from None


def _data_in(part: Part, url: str) -> _Data:
    head, comma, text = url.partition(",")
    if not comma:
        raise part.error("url", "has to be a data: URL, as 'data:text/plain;base64,…'")
    return _Data(part, text, head.rpartition(";")[2].strip().lower() == "base64")
