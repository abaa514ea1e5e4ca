"""``json_bytes``: compact JSON in UTF-8, the same with and without orjson.

With orjson (the ``fast`` extra) it encodes most values. Values that orjson would refuse or write in
another way are encoded by the standard library, so a reader sees no difference. No I/O.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from collections.abc import Mapping, Set
from typing import Any, Callable, Iterable, Optional

orjson: Any
try:
    import orjson
except ImportError:
    orjson = None


def json_string(text: str) -> bytes:
    """A ``str`` as a JSON string, with its quotes."""
    try:
        return quoted(text).encode()
    except UnicodeEncodeError:
        return escaped_json_string(text)


def escaped_json_string(text: str) -> bytes:
    """A ``str`` as a JSON string in ASCII, with its quotes. Its escapes can hold lone
    surrogates."""
    return json.dumps(text).encode("ascii")


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


def _pieces(default: Default, ensure_ascii: bool) -> Callable[[Any, int], Iterable[str]]:
    """An encoder as of ``json.dumps`` that returns its text in pieces. The C encoder is made once,
    and not at each call.

    The function's second argument is the level of indentation, always 0.
    """
    options: Any = {"ensure_ascii": ensure_ascii, "separators": (",", ":"), "allow_nan": False}
    slow = json.JSONEncoder(default=default, check_circular=False, **options)
    make: Any = vars(json.encoder).get("c_make_encoder")
    if make is None:  # not CPython
        return lambda value, indent: slow.encode(value)
    quote = json.encoder.encode_basestring_ascii if ensure_ascii else quoted
    # Without markers no container is looked up, and a cycle raises RecursionError.
    pieces: Callable[[Any, int], Iterable[str]] = make(
        None, default, quote, None, ":", ",", False, False, False
    )
    return pieces


quoted: Callable[[str], str] = json.encoder.encode_basestring
"""A ``str`` as a JSON string. It is written in C, and for a token as fast as orjson."""


def json_by(default: Default) -> Encode:
    """An encoder as :func:`json_bytes`, with another default.

    :param default: is called for each value that the standard library can't encode.
    """
    pieces = _pieces(default, ensure_ascii=False)

    def encode(value: Any) -> bytes:
        try:
            return "".join(pieces(value, 0)).encode()
        except UnicodeEncodeError:
            return "".join(_pieces(default, ensure_ascii=True)(value, 0)).encode("ascii")
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
        # orjson writes NaN as null, and so None is checked, too. find() is twice as fast as "in".
        if encoded.find(b"null") != -1:
            return standard(value)
        return encoded

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
``Decimal`` (as text) and enumerations (by value). A lone surrogate, which UTF-8 can't hold, is
escaped.

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
            # A lone surrogate can only stand in a string, so an escape may take its place.
            text = text.encode("utf-8", "backslashreplace")
        line = bytes(text).translate(None, b"\r\n")
        if b"NaN" in line or b"Infinity" in line:
            _refuse_nan(value)
        return line

    return encode


def _refuse_nan(value: Any) -> None:
    path = _path_of_nan(_nothing, value, "$")
    if path is not None:
        raise _nan_at(path)


def _nothing(value: Any) -> None:
    """A default for values that only the application can encode: they are not looked into."""


def _nan_at(path: str) -> ValueError:
    return ValueError(f"JSON has no NaN and no infinity, and {path} is one")


def _named(default: Default, value: Any, error: ValueError) -> ValueError:
    path = _path_of_nan(default, value, "$")
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
