"""The JSON is the same from orjson, from the standard library's C and from its Python.

Each test runs the module in these three ways. For a missing library it is loaded anew.
"""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import importlib.util
import json
import math
import re
import sys
import types
import uuid
from typing import Any, Dict, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.sse import json as sse_json
from tests.conftest import needs

NAN, INFINITY = float("nan"), float("inf")


def load_without(*libraries: str) -> Any:
    """The module as it is without these other modules."""
    name = f"{sse_json.__name__}_anew"
    spec: Any = importlib.util.spec_from_file_location(name, sse_json.__file__)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in sys.modules if name.partition(".")[0] == "json"]:
            patch.delitem(sys.modules, name)  # or it would keep the C functions it has
        for name in libraries:
            patch.setitem(sys.modules, name, None)
        spec.loader.exec_module(module)
    return module


WAYS: Dict[str, Any] = {
    "orjson": sse_json,
    "standard": load_without("orjson"),
    "python": load_without("orjson", "_json"),
}


@pytest.fixture(params=WAYS, scope="module")
def way(request: pytest.FixtureRequest) -> Any:
    """The module with one of its three encoders."""
    if request.param == "orjson":
        needs("orjson", sse_json.orjson is not None)
    return WAYS[request.param]


def test_each_way_is_the_one_it_says() -> None:
    assert WAYS["standard"].orjson is WAYS["python"].orjson is None
    assert WAYS["standard"].json.encoder.c_make_encoder is not None
    assert WAYS["python"].json.encoder.c_make_encoder is None


# JSON's own types.


def halves_joined(text: str) -> str:
    """The text, with each pair of surrogates joined, and U+FFFD for each half of a pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


characters = st.sampled_from('"\\/\0\x7f\x85\u2028\u2029\ud83d\ude80') | st.characters()
texts = st.text(characters).map(halves_joined)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(texts, inside, max_size=4),
    max_leaves=12,
)


@given(value=values)
def test_a_reader_gets_the_very_value(way: Any, value: Any) -> None:
    assert repr(json.loads(way.json_bytes(value))) == repr(value)


@given(value=values)
def test_the_text_is_one_line_of_utf_8(way: Any, value: Any) -> None:
    text = way.json_bytes(value).decode()
    assert "\n" not in text and "\r" not in text


@given(text=texts)
def test_a_string_is_the_same_bytes_every_way(way: Any, text: str) -> None:
    written = {module.json_string(text) for module in WAYS.values()}
    assert written == {way.json_string(text)} == {way.json_bytes(text)}


def test_it_is_compact_and_not_escaped(way: Any) -> None:
    value = {"message": "你好🚀", "list": [1, 2.5, True, False, None, {}, []]}
    text = '{"message":"你好🚀","list":[1,2.5,true,false,null,{},[]]}'
    assert way.json_bytes(value) == text.encode()


@given(value=values)
def test_no_reader_finds_a_line_end_in_it(way: Any, value: Any) -> None:
    """Not even one that uses ``str.splitlines()``, which knows eight more than JSON."""
    assert len(way.json_bytes(value).decode().splitlines()) == 1


@pytest.mark.parametrize(
    "separator, escape", [("\x85", "\\u0085"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")]
)
@pytest.mark.parametrize("beside", ["a", "é", "你", "🚀", "\\"])
def test_the_line_separators_of_unicode_are_escaped(
    way: Any, separator: str, escape: str, beside: str
) -> None:
    text, as_json = f"{beside}{separator}{beside}", json.dumps(beside, ensure_ascii=False)[1:-1]
    written = f'"{as_json}{escape}{as_json}"'
    assert way.json_string(text) == written.encode()
    assert way.json_bytes({text: [text]}) == f"{{{written}:[{written}]}}".encode()


@pytest.mark.parametrize("text", ["\ud83d", "a\ude80b", "\ude80\ud83d", "你\ud83d"])
def test_half_a_character_becomes_a_replacement_character(way: Any, text: str) -> None:
    carried = re.sub("[\ud800-\udfff]", "\ufffd", text)
    for written, value in (
        (way.json_string(text), carried),
        (way.json_bytes(text), carried),
        (way.json_bytes({text: [text]}), {carried: [carried]}),
    ):
        assert json.loads(written) == value
        assert b"\\ud" not in written


def test_two_halves_become_the_character(way: Any) -> None:
    assert way.json_string("a\ud83d\ude80") == way.json_bytes("a\ud83d\ude80") == '"a🚀"'.encode()


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**40, -(10**40)])
def test_a_huge_integer_keeps_each_digit(way: Any, number: int) -> None:
    assert way.json_bytes({"number": number}) == b'{"number":%d}' % number


def test_a_text_that_says_null_is_no_null(way: Any) -> None:
    assert way.json_bytes({"null": ["null", None]}) == b'{"null":["null",null]}'


# More than JSON's own types.


@dataclasses.dataclass
class Point:
    x: Any
    _y: Any = 0


class Color(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Level(enum.IntEnum):
    LOW = 1


class Word(str, enum.Enum):
    YES = "yes"


class Shouted(str):
    def __str__(self) -> str:
        return self.upper()


class Number(int):
    pass


class FirstOfEach(dict):  # type: ignore[type-arg]
    """Returns the first of several values, as Werkzeug's ``MultiDict`` does."""

    def items(self) -> Any:
        return [(key, several[0]) for key, several in super().items()]


class Evens(collections.abc.Set):  # type: ignore[type-arg]
    def __contains__(self, item: object) -> bool:
        return item in (2, 4)

    def __iter__(self) -> Iterator[int]:
        return iter((2, 4))

    def __len__(self) -> int:
        return 2


Pair = collections.namedtuple("Pair", "first second")
MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5)
UTC = datetime.timezone.utc
ODD_ZONE = datetime.timezone(datetime.timedelta(seconds=90))

MORE = {
    "dataclass": (Point(1, Point("a")), b'{"x":1,"_y":{"x":"a","_y":0}}'),
    "mapping": (types.MappingProxyType({"a": 1}), b'{"a":1}'),
    "mapping_in_a_dataclass": (Point(collections.ChainMap({"a": 1})), b'{"x":{"a":1},"_y":0}'),
    "ordered_dict": (collections.OrderedDict(b=1, a=2), b'{"b":1,"a":2}'),
    "dict_of_its_own": (FirstOfEach(a=[1, 2]), b'{"a":1}'),
    "tuple": ((1, (2,)), b"[1,[2]]"),
    "named_tuple": (Pair(1, "a"), b'[1,"a"]'),
    "set": ({7}, b"[7]"),
    "frozen_set": (frozenset(["a"]), b'["a"]'),
    "set_of_its_own": (Evens(), b"[2,4]"),
    "date": (datetime.date(2026, 1, 2), b'"2026-01-02"'),
    "time": (datetime.time(3, 4, 5), b'"03:04:05"'),
    "datetime": (MOMENT, b'"2026-01-02T03:04:05"'),
    "datetime_with_zone": (MOMENT.replace(tzinfo=UTC), b'"2026-01-02T03:04:05+00:00"'),
    "datetime_with_odd_zone": (MOMENT.replace(tzinfo=ODD_ZONE), b'"2026-01-02T03:04:05+00:01:30"'),
    "microseconds": (MOMENT.replace(microsecond=6), b'"2026-01-02T03:04:05.000006"'),
    "uuid": (uuid.UUID(int=7), b'"00000000-0000-0000-0000-000000000007"'),
    "decimal": (decimal.Decimal("1.10"), b'"1.10"'),
    "enum": (Color.RED, b'"red"'),
    "enum_of_a_tuple": (Color.PAIR, b"[1,2]"),
    "enum_of_integers": (Level.LOW, b"1"),
    "enum_of_texts": (Word.YES, b'"yes"'),
    "text_of_its_own": (Shouted("quiet"), b'"quiet"'),
    "integer_of_its_own": (Number(7), b"7"),
}


@pytest.mark.parametrize("name", MORE)
def test_it_writes_more_than_json_s_own_types(way: Any, name: str) -> None:
    value, written = MORE[name]
    assert way.json_bytes(value) == written
    assert way.json_bytes([{"in": value}]) == b'[{"in":%b}]' % written


@pytest.mark.parametrize(
    "key, written",
    [
        (1, "1"),
        (-(10**40), str(-(10**40))),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        (Word.YES, "yes"),
        (Shouted("quiet"), "quiet"),
        ("\ud83d", "\ufffd"),
    ],
)
def test_keys_become_text_as_in_the_standard_library(way: Any, key: Any, written: str) -> None:
    assert way.json_bytes({key: {key: 0}}) == f'{{"{written}":{{"{written}":0}}}}'.encode()


# Refusals.


def test_a_nan_too_deep_to_be_found_is_refused_all_the_same(way: Any) -> None:
    value: Any = NAN
    for _ in range(600):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        way.json_bytes(value)


@pytest.mark.parametrize("number", [NAN, INFINITY, -INFINITY])
def test_json_has_no_nan_and_no_infinity(way: Any, number: float) -> None:
    with pytest.raises(ValueError, match="^JSON has no NaN and no infinity, and .* is one$"):
        way.json_bytes({"a": [number]})


@pytest.mark.parametrize(
    "value, path",
    [
        (NAN, "$"),
        ([0.5, NAN], "$[1]"),
        ((0.5, NAN), "$[1]"),
        ({"a": {"b": [None, NAN]}}, "$.a.b[1]"),
        ({"a": {}, "b": [], "c": NAN}, "$.c"),
        ({1: NAN}, "$.1"),
        (Point(0, [NAN]), "$._y[0]"),
        (Pair(0, NAN), "$[1]"),
        ({"a": types.MappingProxyType({"b": NAN})}, "$.a.b"),
        (collections.OrderedDict(a=NAN), "$.a"),
        ({"a": {NAN}}, "$.a[0]"),
        ({"a": enum.Enum("Odd", {"ONE": NAN}).ONE}, "$.a"),
        ({"a": {NAN: "as a key"}}, "$.a.nan"),
    ],
    ids=str,
)
def test_a_nan_is_named_by_its_place(way: Any, value: Any, path: str) -> None:
    with pytest.raises(ValueError) as refused:
        way.json_bytes(value)
    assert str(refused.value) == f"JSON has no NaN and no infinity, and {path} is one"


@pytest.mark.parametrize(
    "value, kind",
    [
        (b"bytes", "bytes"),
        (datetime.timedelta(1), "timedelta"),
        (1j, "complex"),
        (object(), "object"),
        (Point, "type"),
        (iter([1]), "list_iterator"),
        ({(1, 2): "a key"}, "tuple"),
        ({uuid.UUID(int=7): "a key"}, "UUID"),
    ],
)
def test_a_value_without_a_form_in_json_names_its_type(way: Any, value: Any, kind: str) -> None:
    for inside in (value, [{"in": Point(value)}]):
        with pytest.raises(TypeError, match=f"\\b{kind}\\b"):
            way.json_bytes(inside)


def cycle_of_lists() -> Any:
    value: Any = []
    value.append(value)
    return value


def cycle_of_mappings() -> Any:
    value: Any = {}
    value["a"] = types.MappingProxyType(value)
    return value


def cycle_of_dataclasses() -> Any:
    value = Point(None)
    value.x = [value]
    return value


def tower() -> Any:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize("make", [cycle_of_lists, cycle_of_mappings, cycle_of_dataclasses, tower])
def test_a_value_without_a_bottom_says_so(way: Any, make: Any) -> None:
    with pytest.raises(ValueError, match="too deep"):
        way.json_bytes(make())


@pytest.mark.skipif(not hasattr(sys, "set_int_max_str_digits"), reason="Python writes any number")
def test_a_number_python_refuses_to_write_is_told_in_its_words(way: Any) -> None:
    with pytest.raises(ValueError, match="set_int_max_str_digits"):
        way.json_bytes([10**10_000])


def test_what_is_no_failure_of_json_is_told_as_it_is(way: Any) -> None:
    def broken() -> Any:
        raise LookupError("of the mapping's own")

    class Broken(collections.abc.Mapping):  # type: ignore[type-arg]
        __getitem__ = __iter__ = __len__ = lambda *arguments: broken()

    with pytest.raises(LookupError, match="of the mapping's own"):
        way.json_bytes({"a": Broken()})


def test_finite_numbers_pass(way: Any) -> None:
    for number in (0.1, -0.0, sys.float_info.max, sys.float_info.min, 5e-324, 1e16, 1e-7):
        read = json.loads(way.json_bytes(number))
        assert (read, math.copysign(1, read)) == (number, math.copysign(1, number))
