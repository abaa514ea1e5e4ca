"""``python -m tests.docs.options_table``: the tables of ``docs/configuration.md``.

They are made of the fields of ``StreamOptions`` and ``Settings`` and of their docstrings.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from typing import Any, Dict, Iterator, Tuple, get_args, get_type_hints

from flask_llmstream.app.config import PREFIX, Settings
from flask_llmstream.keywords import BlueprintSettings
from flask_llmstream.stream.options import StreamOptions
from tests.docs.pages import DOCS, text_of

PAGE = "configuration.md"
_UNITS = {"bytes": "bytes", "chars": "characters", "tokens": "tokens"}


def written(text: str) -> str:
    """The page with both tables as they should be."""
    for name, rows in (("options", option_rows()), ("settings", setting_rows())):
        table = "\n".join(rows)
        marks = rf"(<!-- {name} -->\n).*?(<!-- end of the {name} -->)"
        text = re.sub(marks, lambda found: f"{found[1]}{table}\n{found[2]}", text, flags=re.DOTALL)
    return text


def option_rows() -> Iterator[str]:
    yield "| option, key | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, kind, default, meaning in described(StreamOptions):
        names = f"`{name}`<br>`{PREFIX}{name.upper()}`"
        yield f"| {names} | {kind} | {default} | {meaning} |"


def setting_rows() -> Iterator[str]:
    yield "| key | | type | default | meaning |"
    yield "|---|---|---|---|---|"
    for name, kind, default, meaning in described(Settings):
        mark = "✓" if name in BlueprintSettings.__annotations__ else ""
        yield f"| `{PREFIX}{name.upper()}` | {mark} | {kind} | {default} | {meaning} |"


def described(options: Any) -> Iterator[Tuple[str, str, str, str]]:
    """Name, type, default and meaning of each field."""
    told, hints = params_of(options), get_type_hints(options)
    for field in dataclasses.fields(options):
        meaning, default = told[field.name]
        if isinstance(field.default, (str, int, float)) or not default:
            default = f"`{field.default!r}`"
        yield field.name, type_of(field.name, hints[field.name]), default, meaning


def params_of(options: Any) -> Dict[str, Tuple[str, str]]:
    """The meaning and the default of each ``:param:`` of a docstring, in Markdown."""
    text = inspect.cleandoc(options.__doc__).partition("\n:raises")[0]
    found = re.findall(r"^:param (\w+): (.*?)(?=^:param |\Z)", text, re.DOTALL | re.MULTILINE)
    return {name: _without_default(_markdown(" ".join(told.split()))) for name, told in found}


def type_of(name: str, hint: Any) -> str:
    """The type of a value, with its unit, for people."""
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] or [hint]
    choices = [choice for kind in [hint, *kinds] for choice in get_args(kind)]
    if "Callable" in str(hint):
        return "a name, or a `Format`" if name == "format" else "a function"
    if any(isinstance(choice, str) for choice in choices):
        return "one of the names"
    if bool in kinds:
        return "true or false" + (", or a mapping" if len(kinds) > 1 else "")
    if float in kinds:
        return "seconds"
    if int in kinds:
        return _UNITS.get(name.rpartition("_")[2], "a whole number")
    return "a list of texts" if "Collection" in str(hint) else "a text"


def _markdown(text: str) -> str:
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`").replace("|", r"\|")


def _without_default(text: str) -> Tuple[str, str]:
    found = re.search(r" ?Default: (.*?)\.(?= |$)", text)
    if found is None:
        return _sentence(text), ""
    return _sentence(text[: found.start()] + text[found.end() :]), found[1]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if text[:1] != "`" else text


if __name__ == "__main__":
    made = written(text_of(PAGE))
    if "--write" in sys.argv:
        (DOCS / PAGE).write_text(made, encoding="utf-8")
    else:
        print(made)
