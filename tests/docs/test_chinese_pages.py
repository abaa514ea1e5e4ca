"""The Chinese pages have the code and the tables of the English ones, in Chinese words."""

from __future__ import annotations

import re
from collections import Counter
from itertools import zip_longest
from typing import Dict, List, Tuple

import pytest

from tests.docs.options_table import option_rows, setting_rows
from tests.docs.pages import text_of

FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMANDS = re.compile(r"\n\n((?: {4}.+\n)+)")
WORDS = re.compile(r'"(?:[^"\\\n]|\\.)*"|\s*(?:#|//) .*')
"""The strings and the comments of a program."""
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def code_of(text: str) -> List[str]:
    """The programs and the commands of a page. The tests of what it answers are elsewhere."""
    fenced = [code for language, code in FENCED.findall(text) if language != "text"]
    return fenced + COMMANDS.findall(FENCED.sub("", text))


def section_of(text: str, first: str) -> str:
    return text[text.index(first) :]


ENGLISH = {
    "index.md": text_of("index.md"),
    "quickstart.md": text_of("quickstart.md"),
    "configuration.md": text_of("configuration.md"),
    "coming-from-spring.md": section_of(text_of("coming-from.md"), "## Spring's SseEmitter"),
}


@pytest.mark.parametrize(
    "page, code", [(page, code) for page, text in ENGLISH.items() for code in code_of(text)]
)
def test_a_program_is_that_of_the_english_page(page, code):
    """Only a comment, or a string with Chinese in it, may differ."""
    assert [each for each in code_of(text_of(f"zh/{page}")) if is_translation(code, each)]


@pytest.mark.parametrize("page", ["quickstart.md", "configuration.md"])
def test_no_other_program_is_there(page):
    assert len(code_of(text_of(f"zh/{page}"))) == len(code_of(ENGLISH[page]))


@pytest.mark.parametrize("page", ENGLISH)
def test_each_edition_leads_to_the_other(page):
    english = ENGLISH[page].partition("](zh/")[2]
    assert english.startswith(f"{page})")
    assert "[English](../" in text_of(f"zh/{page}")


def test_the_page_in_the_browser_is_the_english_one():
    assert FENCED.findall(text_of("in-the-browser.md"))[1] in FENCED.findall(text_of("zh/index.md"))


def is_translation(english: str, chinese: str) -> bool:
    strings = zip_longest(strings_of(english), strings_of(chinese), fillvalue="")
    return without_words(english) == without_words(chinese) and all(
        here == there or CHINESE.search(there) for here, there in strings
    )


def without_words(code: str) -> str:
    return WORDS.sub(lambda found: '""' if found[0][0] == '"' else "", code)


def strings_of(code: str) -> List[str]:
    return [words for words in WORDS.findall(code) if words[0] == '"']


@pytest.mark.parametrize(
    "english, chinese, same",
    [
        ('print("one")  # first\n', 'print("一")  # 第一\n', True),
        ('print("one")\n', 'print("two")\n', False),
        ('print("one")\n', 'show("一")\n', False),
        ("stop = 1  # s\n", "stop = 2  # s\n", False),
        ("curl --json '{\"prompt\": \"sea\"}'\n", "curl --json '{\"promt\": \"海\"}'\n", False),
        ('print("one")\n', 'print("一", "二")\n', False),
    ],
)
def test_a_program_with_chinese_words_is_told_from_another_one(english, chinese, same):
    assert is_translation(english, chinese) is same


Rows = Dict[str, List[str]]


def rows_of(lines: List[str]) -> Rows:
    cells = [re.split(r" *(?<!\\)\| ?", line)[1:-1] for line in lines[2:]]
    return {name: others for name, *others in cells}


def tables_of(page: str) -> List[Rows]:
    marked = re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end of the \1 -->", page, re.DOTALL)
    return [rows_of(table.splitlines()) for _, table in marked]


IN_ENGLISH = [rows_of([*option_rows()]), rows_of([*setting_rows()])]
IN_CHINESE = tables_of(text_of("zh/configuration.md"))
KEYS = [(table, name) for table, rows in enumerate(IN_ENGLISH) for name in rows]


def test_the_tables_have_the_options_and_the_keys_in_their_order():
    assert [[*rows] for rows in IN_CHINESE] == [[*rows] for rows in IN_ENGLISH]


@pytest.mark.parametrize("table, name", KEYS, ids=[name for _, name in KEYS])
def test_a_row_names_the_same_values(table, name):
    english, chinese = IN_ENGLISH[table][name], IN_CHINESE[table][name]
    assert [*map(values_in, chinese)] == [*map(values_in, english)]
    assert CHINESE.search(chinese[-1])


def values_in(cell: str) -> Tuple[Counter, Counter, bool]:
    """The names and the numbers that no language changes, and the mark."""
    names = re.findall("`[^`]+`", cell)
    return Counter(names), Counter(re.findall(r"\d+", re.sub("`[^`]+`", "", cell))), "✓" in cell


def test_each_type_has_one_chinese_name():
    pairs = {(IN_ENGLISH[table][name][-3], IN_CHINESE[table][name][-3]) for table, name in KEYS}
    for names in zip(*pairs):
        assert len({*names}) == len(pairs)
