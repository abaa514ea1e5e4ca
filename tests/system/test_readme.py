"""The code of the README runs, and its page shows the stream."""

from __future__ import annotations

import re
import threading

import pytest
from werkzeug.serving import make_server

from tests.support.browsers import chromium
from tests.support.programs import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
WORDS = ["any ", "generator ", "streams"]


@pytest.fixture
def app():
    names = {"__name__": "readme"}
    exec("\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL)), names)
    return names["app"]


@pytest.fixture
def page(app, tmp_path):
    """The address of the page, which is saved as the README says."""
    (html,) = re.findall(r"```html\n(.*?)```", README, re.DOTALL)
    ((file, path),) = re.findall(r"save this as `(.*?)`, and open `http://[^/]*(/.*?)`", README)
    app.static_folder = str(tmp_path / "static")
    (tmp_path / "static").mkdir()
    (tmp_path / file).write_text(html, encoding="utf-8")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{path}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_first_stream_has_its_words(app):
    answer = app.test_client().get("/words").get_data(as_text=True)
    assert re.findall(r'event: message\ndata: {"ended":false,"message":"(.*?)"', answer) == WORDS


def test_the_application_offers_its_model(app):
    listed = app.test_client().get("/v1/models").json["data"]
    assert [model["id"] for model in listed] == ["llama", "counter"]


def test_the_page_shows_the_words(page):
    with chromium() as browser:
        browser.open(page)
        browser.shows("#answer", "".join(WORDS))


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", README))
def test_a_link_leads_to_a_file_and_to_a_heading_of_it(link):
    path, _, heading = link.partition("#")
    assert (ROOT / path).exists()
    if heading:
        lines = re.findall(r"^#+ (.*)", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
        assert heading in [re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines]
