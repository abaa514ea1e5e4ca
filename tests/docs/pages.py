"""The pages of ``docs/``: their blocks of code, and what these make."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any, Dict, List, Mapping

from tests.support.programs import ROOT

DOCS = ROOT / "docs"


def text_of(page: str) -> str:
    """The text of a page, by its name below ``docs/``."""
    return (DOCS / page).read_text(encoding="utf-8")


def blocks_of(page: str, language: str = "python") -> List[str]:
    """The blocks of one language, in the order of the page."""
    return re.findall(rf"```{language}\n(.*?)```", text_of(page), re.DOTALL)


def run_page(page: str, replaced: Mapping[str, str] = MappingProxyType({})) -> Dict[str, Any]:
    """Run all Python of a page, as one program, and return its names.

    :param replaced: texts that must be others here, such as the path of a database.
    """
    code = "\n".join(blocks_of(page))
    for shown, here in replaced.items():
        assert shown in code
        code = code.replace(shown, here)
    names: Dict[str, Any] = {"__name__": page.partition(".")[0], "__file__": __file__}
    exec(compile(code, str(DOCS / page), "exec"), names)
    return names


def with_one_id(text):
    """The text with the same ID for each stream, as IDs are random."""
    return re.sub(r"[0-9a-f]{32}", "0" * 32, text)


def got(app, path, **request):
    """The answer to a request, as text."""
    return app.test_client().open(path, **request).get_data(as_text=True)
