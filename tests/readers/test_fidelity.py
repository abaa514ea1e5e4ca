"""The table of ``docs/fidelity.md`` is true of the readers that need no package. ``make
test-fidelity`` has all."""

from __future__ import annotations

import pytest

from tests.readers.fidelity import DOCUMENT, READERS, fault, judged, row, served
from tests.streams.cases import TEXTS, all_as

BY_NAME = {reader.name: reader for reader in READERS}
EXPECTED = {name: case.text for name, case in TEXTS.items()}


@pytest.fixture(scope="module")
def servers():
    with served() as servers:
        yield servers


@pytest.mark.parametrize("name", ["EventStreamDecoder", "blocks, their data lines"])
def test_the_table_says_what_a_reader_gives(servers, name):
    line = " | ".join(row(*servers, BY_NAME[name]))
    assert f"| {line} |" in DOCUMENT.read_text("utf-8").splitlines()


def test_every_reader_has_its_row():
    rows = [line.split(" | ")[0][2:] for line in DOCUMENT.read_text("utf-8").splitlines()]
    assert [name for name in BY_NAME if name not in rows] == []


def test_a_text_that_differs_is_named():
    whole = all_as("json").text.replace("\0", "")
    assert judged(EXPECTED, lambda name: whole) == "**other text**: `nul`"


@pytest.mark.parametrize("more", [0, len("\ufeffHello"), 100, None])
def test_a_second_answer_does_not_count(more):
    whole = all_as("json").text
    assert judged(EXPECTED, lambda name: whole + whole[:more]) == ""


def test_a_text_that_is_missing_is_asked_for_alone():
    whole = all_as("json").text.replace("[[nul]]", "")
    asked = []

    def read(name):
        asked.append(name)
        return whole if name == "all" else TEXTS[name].text

    assert "`nul`" not in judged(EXPECTED, read)
    assert asked == ["all", "nul"]


@pytest.mark.parametrize(
    "right, got, words",
    [
        (" a\n", "a", "white space"),
        ("a\n\nb", "a\nb", "white space"),
        ("a\u2028b", "a", "cut short"),
        ("a", "", "lost"),
        ("a\0b", "ab", "other text"),
        ("a\U0001f680", "a\ufffd\ufffd", "breaks characters that are cut"),
    ],
)
def test_how_a_text_differs(right, got, words):
    assert fault(right, got) == words
