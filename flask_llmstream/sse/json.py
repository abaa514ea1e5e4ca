"""``json_bytes``: compact JSON in UTF-8, the same with and without orjson.

With orjson (the ``fast`` extra) it encodes most values. Values that orjson would refuse or write in
another way are encoded by the standard library, so a reader sees no difference. No I/O.

Two rules hold beyond JSON's own, for readers that know it only in part:

* U+0085, U+2028 and U+2029 are escaped. JSON allows them, but ``str.splitlines()`` and readers like
  it end a line there. JSON escapes the other characters at which these end a line.
* No half of a surrogate pair stands alone, not even escaped: strict readers refuse all of the text.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import re
import uuid
from collections.abc import Mapping, Set
from typing import Any, Callable, Iterable, Optional

from .text import utf8

orjson: Any
try:
    import orjson
except ImportError:
    orjson = None


quoted: Callable[[str], str] = json.encoder.encode_basestring
"""A ``str`` as a JSON string. It is written in C, and for a token as fast as orjson. It escapes no
line separator."""


def json_string(text: str) -> bytes:
    """A ``str`` as a JSON string in UTF-8, with its quotes."""
    return utf8(json_text(text))


def json_text(text: str) -> str:
    """A ``str`` as a JSON string, with its quotes. It may hold a half of a surrogate pair."""
    # One look is enough for most tokens: no line separator is ASCII, or printable.
    is_one_line = text.isascii() or text.isprintable()
    return quoted(text) if is_one_line else _escaped(quoted(text))


_ESCAPES = (("\x85", "\\u0085"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))
_ESCAPES_IN_UTF_8 = [(character.encode(), escape.encode()) for character, escape in _ESCAPES]


def _escaped(text: str) -> str:
    """A JSON text with its line separators escaped. They can only stand in strings. A text in ASCII
    has none."""
    for separator, escape in _ESCAPES:
        text = text.replace(separator, escape)
    return text


def _escaped_in_utf_8(text: bytes) -> bytes:
    for separator, escape in _ESCAPES_IN_UTF_8:
        text = text.replace(separator, escape)
    return text


Default = Callable[[Any], Any]
"""Returns a value to encode in place of one that JSON does not have, or raises ``TypeError``."""

Encode = Callable[[Any], bytes]
"""Encodes one value as JSON text."""


def _default(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value.items())  # a subclass of dict may have an items() of its own
    if isinstance(value, Set):
        return list(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (uuid.UUID, decimal.Decimal)):
        return str(value)
    raise TypeError(f"a {type(value).__name__} can't be sent as JSON")


def asked_first(default: Default) -> Default:
    """A default that asks ``default`` first, and then the one of :func:`json_bytes`."""

    def first(value: Any) -> Any:
        try:
            return default(value)
        except TypeError:
            return _default(value)

    return first


def _pieces(default: Default) -> Callable[[Any, int], Iterable[str]]:
    """An encoder as of ``json.dumps`` that returns its text in pieces. The C encoder is made once,
    and not at each call.

    The function's second argument is the level of indentation, always 0.
    """
    options: Any = {"ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    slow = json.JSONEncoder(default=default, check_circular=False, **options)
    make: Any = vars(json.encoder).get("c_make_encoder")
    if make is None:  # not CPython
        return lambda value, indent: slow.encode(value)
    # Without markers no container is looked up, and a cycle raises RecursionError.
    pieces: Callable[[Any, int], Iterable[str]] = make(
        None, default, quoted, None, ":", ",", False, False, False
    )
    return pieces


def json_by(default: Default) -> Encode:
    """An encoder as :func:`json_bytes`, with another default.

    :param default: is called for each value that the standard library can't encode.
    """
    pieces = _pieces(default)

    def encode(value: Any) -> bytes:
        try:
            text = "".join(pieces(value, 0))
            return text.encode() if text.isascii() else utf8(_escaped(text))
        except ValueError as error:
            raise _named(default, value, error) from None
        except RecursionError:
            raise ValueError("it is nested too deeply for JSON, or in itself") from None

    return encode


def fast_json_by(default: Default) -> Encode:
    """As :func:`json_by`, and faster with orjson.

    :param default: as of :func:`json_by`. It must write UUIDs as text and enumerations by value,
        or refuse them: orjson encodes these without a call of the default.
    """
    standard = json_by(default)
    if orjson is None:
        return standard

    def encode(value: Any) -> bytes:
        try:
            encoded: bytes = orjson.dumps(value, default, _PASSTHROUGH)
        except TypeError:
            return standard(value)
        # orjson writes NaN as null, and so None is checked, too. CPython's replace() returns the
        # same object where there is nothing to replace, twice as fast as find() and "in" look.
        if encoded.replace(b"null", b"") is not encoded:
            return standard(value)
        return encoded if encoded.isascii() else _escaped_in_utf_8(encoded)

    return encode


if orjson is not None:
    _PASSTHROUGH = (
        orjson.OPT_PASSTHROUGH_DATACLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
        | orjson.OPT_PASSTHROUGH_SUBCLASS
    )

json_bytes: Encode = fast_json_by(_default)
"""One value as compact JSON text: ``json_bytes(value)``.

Beside JSON's own types it encodes dataclasses, mappings and sets, dates (ISO 8601), ``UUID``,
``Decimal`` (as text) and enumerations (by value).

:raises ValueError: the value has a NaN or an infinity, which JSON does not have; the message names
    its place. Or the value is nested too deeply, or contains itself.
:raises TypeError: JSON has no form for a value; the message names its type.
"""


def json_line(dumps: Callable[[Any], Any]) -> Encode:
    """An encoder by another library's ``dumps``, with all in one line.

    A line break in JSON can only stand between two tokens, so it is removed.

    :param dumps: returns text or bytes.
    """

    def encode(value: Any) -> bytes:
        text = dumps(value)
        if isinstance(text, str):
            text = utf8(text)
        line = _escaped_in_utf_8(bytes(text).translate(None, b"\r\n"))
        if b"\\ud" in line or b"\\uD" in line:
            line = _ESCAPED.sub(_never_half, line)
        if b"NaN" in line or b"Infinity" in line:
            _refuse_nan(value)
        return line

    return encode


_ESCAPED = re.compile(
    rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[dD][89a-fA-F]..|\\.",
    re.DOTALL,
)
"""An escape in JSON: a pair of surrogates, one half of a pair, or any other."""


def _never_half(escape: "re.Match[bytes]") -> bytes:
    is_half = len(escape[0]) == len(b"\\ud83d")
    return b"\\ufffd" if is_half else escape[0]


def _refuse_nan(value: Any) -> None:
    path = _path_of_nan(_nothing, value, "$")
    if path is not None:
        raise _nan_at(path)


def _nothing(value: Any) -> None:
    """A default for values that only the application can encode: they are not looked into."""


def _nan_at(path: str) -> ValueError:
    return ValueError(f"JSON has no NaN and no infinity, and {path} is one")


def _named(default: Default, value: Any, error: ValueError) -> ValueError:
    try:
        path = _path_of_nan(default, value, "$")
    except RecursionError:  # deeper than the encoder goes
        return ValueError("it is nested too deeply for JSON, or in itself")
    return error if path is None else _nan_at(path)


def _path_of_nan(default: Default, value: Any, path: str) -> Optional[str]:
    if isinstance(value, float):
        return None if math.isfinite(value) else path
    if value is None or isinstance(value, (str, int)):
        return None
    if isinstance(value, dict):
        inside = [(each, f"{path}.{key}") for key, item in value.items() for each in (key, item)]
    elif isinstance(value, (list, tuple)):
        inside = [(item, f"{path}[{index}]") for index, item in enumerate(value)]
    else:
        return _path_of_nan(default, default(value), path)
    found = (_path_of_nan(default, item, at) for item, at in inside)
    return next((at for at in found if at is not None), None)
