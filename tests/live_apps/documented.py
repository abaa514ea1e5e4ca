"""The application of ``docs/cross-site.md``: ``python -m tests.live_apps.documented PORT``."""

import re
import sys

from flask import Flask
from jinja2 import DictLoader

from tests.support.programs import ROOT

DOCS = (ROOT / "docs" / "cross-site.md").read_text(encoding="utf-8")
STEPS = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
PAGE = re.findall(r"```html\n(.*?)```", DOCS, re.DOTALL)


def application(steps: int) -> Flask:
    """The application after the first ``steps`` of the document."""
    names = {"__name__": "documented"}
    exec("\n".join(STEPS[:steps]), names)
    app: Flask = names["app"]
    app.jinja_loader = DictLoader({"page.html": PAGE[0]})
    return app


if __name__ == "__main__":
    application(3).run(port=int(sys.argv[1]), threaded=True)
