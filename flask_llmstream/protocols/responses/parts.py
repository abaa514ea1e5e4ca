"""The content of an item: text, or a list of parts. It becomes the content of a message."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Union

from ...errors import RequestError
from .. import checks

Part = Dict[str, Any]

_IMAGE_DETAILS = ("low", "high", "auto")


def content_of(at: str, value: Any) -> Union[str, List[Part]]:
    """The content of a message that is not the model's. A lone text is text by itself, which more
    servers read than a list of one part.

    :raises RequestError: it can't be read; the error names the place.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        message = "has to be text, or a list of at least one part"
        raise RequestError(message, field=at)
    parts = [_part(f"{at}[{index}]", part) for index, part in enumerate(value)]
    lone: str = parts[0].get("text", "") if len(parts) == 1 else ""
    return lone or parts


def answer_of(at: str, value: Any) -> Dict[str, Any]:
    """The members of a message of the model's: ``content``, and ``refusal`` where it refused."""
    if isinstance(value, str):
        return {"content": value}
    texts: Dict[str, List[str]] = {"content": [], "refusal": []}
    for index, part in enumerate(checks.a_list(at, value)):
        member, text = _said(f"{at}[{index}]", part)
        texts[member].append(text)
    said = {"content": "".join(texts["content"])}
    return {**said, "refusal": "".join(texts["refusal"])} if texts["refusal"] else said


def _said(at: str, part: Any) -> "tuple[str, str]":
    kind = checks.an_object(at, part).get("type")
    if kind in ("output_text", "input_text"):
        return "content", checks.text(f"{at}.text", part.get("text"))
    if kind == "refusal":
        return "refusal", checks.text(f"{at}.refusal", part.get("refusal"))
    raise checks.unknown_kind(at, kind, "output_text and refusal")


def thoughts_of(at: str, item: Mapping[str, Any]) -> str:
    """The text of the model's reasoning, or else its summary. What is encrypted can't be read."""
    texts = {name: _texts(f"{at}.{name}", item.get(name)) for name in ("content", "summary")}
    return texts["content"] or texts["summary"]


def _texts(at: str, parts: Any) -> str:
    told = checks.optional_list(at, parts)
    places = [(f"{at}[{index}]", part) for index, part in enumerate(told)]
    return "".join(
        checks.text(f"{place}.text", checks.an_object(place, part).get("text"))
        for place, part in places
    )


def _part(at: str, part: Any) -> Part:
    kind = checks.an_object(at, part).get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise checks.unknown_kind(at, kind, "input_text, input_image, input_file and input_audio")
    return read(at, part)


def _text(at: str, part: Mapping[str, Any]) -> Part:
    return {"type": "text", "text": checks.text(f"{at}.text", part.get("text"))}


def _image(at: str, part: Mapping[str, Any]) -> Part:
    if part.get("image_url") is None and part.get("file_id") is not None:
        raise RequestError("no files are kept here; give image_url", field=f"{at}.file_id")
    image = {"url": checks.word(f"{at}.image_url", part.get("image_url"))}
    if part.get("detail") in _IMAGE_DETAILS:
        image["detail"] = part["detail"]
    return {"type": "image_url", "image_url": image}


def _file(at: str, part: Mapping[str, Any]) -> Part:
    if part.get("file_url") is not None:
        message = "a chat completion can't name a file by its address; give file_data"
        raise RequestError(message, field=f"{at}.file_url")
    names = ("file_data", "file_id", "filename")
    file = checks.given({name: part.get(name) for name in names})
    for name, value in file.items():
        checks.text(f"{at}.{name}", value)
    if not file.keys() & {"file_data", "file_id"}:
        raise RequestError("is missing", field=f"{at}.file_data")
    return {"type": "file", "file": file}


def _audio(at: str, part: Mapping[str, Any]) -> Part:
    audio = checks.an_object(f"{at}.input_audio", part.get("input_audio"))
    return {"type": "input_audio", "input_audio": audio}


_READERS: Mapping[str, Callable[[str, Mapping[str, Any]], Part]] = {
    "input_text": _text,
    "output_text": _text,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}
