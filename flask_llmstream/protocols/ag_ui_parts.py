"""The parts of a message of AG-UI as those of a chat completion.

A part that has no form there is refused by its name: an answer to half a question is none.
Source: AG-UI 1.0, "ContentPart". Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Union

from ..errors import RequestError
from . import checks
from .fields import json_type, shown

Part = Dict[str, Any]

_SUBTYPES = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav"}
"""The names of audio formats in a chat completion, by their MIME subtypes."""


def chat_content(at: str, value: Any) -> Union[str, List[Part]]:
    """The content of a message: text, or a list of parts.

    :raises RequestError: a part can't be sent; the error names it.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        message = f"has to be text or a list of parts, not {json_type(value)}"
        raise RequestError(message, field=at)
    return [_part(f"{at}[{index}]", part) for index, part in enumerate(value)]


def _part(at: str, value: Any) -> Part:
    part = checks.an_object(at, value)
    kind = checks.word(f"{at}.type", part.get("type"))
    if kind == "text":
        return {"type": "text", "text": checks.text(f"{at}.text", part.get("text"))}
    if kind == "binary":  # AG-UI before 1.0
        return _of_source(_binary(at, part))
    if kind not in _MADE:
        known = ", ".join(("text", *_MADE))
        raise RequestError(f"{shown(kind)!r} is none of {known}", field=f"{at}.type")
    return _of_source(_source(at, kind, part))


class _Source(NamedTuple):
    """Where the bytes of a part are.

    :ivar at: the part's place, for errors.
    :ivar media: ``image``, ``audio``, ``video`` or ``document``.
    :ivar kind: ``data``, ``url`` or ``file``.
    :ivar value: the bytes in base64, their URL, or the name that the model's server gave them.
    :ivar mime_type: what they are; ``""`` where it is not told.
    :ivar name: the file's name; ``""`` where it has none.
    """

    at: str
    media: str
    kind: str
    value: str
    mime_type: str
    name: str

    @property
    def url(self) -> str:
        return self.value if self.kind == "url" else f"data:{self.mime_type};base64,{self.value}"


def _source(at: str, media: str, part: Mapping[str, Any]) -> _Source:
    source, place = checks.an_object(f"{at}.source", part.get("source")), f"{at}.source"
    kind = checks.word(f"{place}.type", source.get("type"))
    if kind not in ("data", "url", "file"):
        message = f"{shown(kind)!r} is none of data, url, file"
        raise RequestError(message, field=f"{place}.type")
    value = checks.word(f"{place}.value", source.get("value"))
    mime_type = source.get("mimeType")
    if kind == "data" or mime_type is not None:
        mime_type = checks.word(f"{place}.mimeType", mime_type)
    metadata = part.get("metadata")
    name = metadata.get("filename") if isinstance(metadata, dict) else None
    return _Source(at, media, kind, value, mime_type or "", name if isinstance(name, str) else "")


def _binary(at: str, part: Mapping[str, Any]) -> _Source:
    mime_type = checks.word(f"{at}.mimeType", part.get("mimeType"))
    media = mime_type.partition("/")[0]
    name = part.get("filename")
    for member, kind in (("data", "data"), ("url", "url"), ("id", "file")):
        if part.get(member) is not None:
            value = checks.word(f"{at}.{member}", part[member])
            media = media if media in _MADE else "document"
            return _Source(at, media, kind, value, mime_type, name if isinstance(name, str) else "")
    raise RequestError("needs data, url or id", field=at)


def _of_source(source: _Source) -> Part:
    if source.kind == "file":
        return {"type": "file", "file": {"file_id": source.value}}
    return _MADE[source.media](source)


def _image(source: _Source) -> Part:
    return {"type": "image_url", "image_url": {"url": source.url}}


def _video(source: _Source) -> Part:
    return {"type": "video_url", "video_url": {"url": source.url}}


def _audio(source: _Source) -> Part:
    _refuse_url(source)
    subtype = source.mime_type.rpartition("/")[2].partition(";")[0].strip().lower()
    audio = {"data": source.value, "format": _SUBTYPES.get(subtype, subtype)}
    return {"type": "input_audio", "input_audio": audio}


def _document(source: _Source) -> Part:
    _refuse_url(source)
    file = {"filename": source.name or "document", "file_data": source.url}
    return {"type": "file", "file": file}


def _refuse_url(source: _Source) -> None:
    if source.kind == "url":
        message = f"models fetch no {source.media} by its URL; send it as data"
        raise RequestError(message, field=source.at)


_MADE: Dict[str, Callable[[_Source], Part]] = {
    "image": _image,
    "audio": _audio,
    "video": _video,
    "document": _document,
}
