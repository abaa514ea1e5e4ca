"""The site of the documentation. ``make docs`` builds it into ``build/docs``."""

from __future__ import annotations

import re
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.util.nodes import make_refnode

import flask_llmstream

project = "flask_llmstream"
copyright = "the authors of flask_llmstream"
release = version = flask_llmstream.__version__

extensions = ["sphinx.ext.autodoc", "myst_parser", "pallets_sphinx_themes"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

# The pages are read on GitHub, too: its anchors, its links, nothing else of MyST's own.
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"

nitpicky = True

html_theme = "site"  # that of Flask's documentation, and dark where the reader's screen is
html_theme_path = ["_theme"]
html_title = f"flask_llmstream {release}"
html_copy_source = False
html_show_sphinx = False
version_banner = False

# Names in signatures that have no page here. Those of other packages are not looked up, as a build
# needs no network; those of the package are not for its users.
nitpick_ignore_regex = [
    ("js:.*", "TypeError|DOMException"),
    ("py:.*", r"(collections|flask|requests|types|typing|typing_extensions|werkzeug)\..*"),
    ("py:class", "Arguments|Blueprint|Response|ResponseReturnValue"),
    ("py:class", r"(flask_llmstream\.runtime\.wakeup\.)?Wakeup|Environ|WSGIApp|Source"),
    ("py:class", r"flask_llmstream\.channel\.channel\.Channel"),
    ("py:class", r"flask_llmstream\.sources\.emitter\.On[A-Z]\w+"),
]

_PLACE = re.compile(r"^flask_llmstream\.(?:\w+\.)*?(?=[A-Z]\w+(?:\.\w+)?$)")


def public_target(app: Any, env: Any, node: Any, content: Any) -> Any:
    """A name is documented once, as users import it. Docstrings and signatures may also have it by
    the module that defines it, or bare: that leads to the same place."""
    if node.get("refdomain") != "py" or node["reftype"] == "attr":
        return None
    domain = env.domains.python_domain
    end = "." + _PLACE.sub("", node["reftarget"])
    found = {(it.docname, it.node_id) for name, it in domain.objects.items() if name.endswith(end)}
    if len(found) != 1:
        return None
    ((page, place),) = found
    return make_refnode(app.builder, node["refdoc"], page, place, content)


def language_of_page(app: Any, page: str, template: str, context: Any, doctree: Any) -> None:
    """The browser chooses the forms of Chinese characters by the language that the page says."""
    if page.startswith("zh/"):
        context["language"] = "zh-Hans"


def setup(app: Any) -> None:
    app.add_lexer("haproxy", TextLexer)  # a language that Pygments does not know
    app.connect("missing-reference", public_target)
    app.connect("html-page-context", language_of_page)
