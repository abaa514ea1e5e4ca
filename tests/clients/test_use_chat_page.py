"""The sample app's page with React's ``useChat``, in a real browser."""

from __future__ import annotations

import shutil

import pytest

from tests.clients.clients import INSTALLED
from tests.clients.matrix import DOCUMENT
from tests.conftest import needs
from tests.support.browsers import chromium
from tests.support.servers import ROOT, serving

SOURCE, FOLDER = ROOT / "sample_app" / "use_chat", INSTALLED / "page"
FILES = ["index.html", "page.css", "page.jsx", "vite.config.js"]
READY = "document.querySelector('output').textContent === 'ready'"
TOLD = "[...document.querySelectorAll('article')].pop().textContent.includes(arguments[0])"


@pytest.fixture
def page():
    """A browser that shows the page."""
    needs("React and vite", (FOLDER / "installed").exists())
    for name in FILES:
        shutil.copy(SOURCE / name, FOLDER)
    vite = f"node {FOLDER}/node_modules/vite/bin/vite.js {FOLDER} --host 127.0.0.1 --port {{port}}"
    with serving("-u demo.py --port {port}") as demo:
        with serving(vite, SAMPLE_APP=f"http://127.0.0.1:{demo.port}") as served:
            with chromium() as browser:
                browser.address = f"http://127.0.0.1:{served.port}/"
                browser.open(browser.address)
                browser.wait("document.querySelector('input')")
                yield browser


@pytest.mark.thorough
def test_the_page_runs_a_tool_and_shows_what_the_model_makes_of_it(page):
    for question, answer in (("Paris?", "21 °C, sunny."), ("in Rome?", "18 °C, rain.")):
        page.type("input", f"What is the weather in {question}")
        page.click("form button")
        page.wait(f"{READY} && {TOLD}", f"The page's tool says: {answer}")
    assert 'get_weather({"city":"Rome"})18 °C, rain output-available' in page.text("main")


@pytest.mark.thorough
def test_a_page_that_is_reloaded_and_another_tab_go_on_with_the_answer(page):
    counter = f"{page.address}?model=counter"
    page.open(counter)
    page.type("input", "Count")
    page.click("form button")
    page.wait(TOLD, "01")
    page.reload()
    page.wait(f"!({READY}) && {TOLD}", "012")
    with page.another_tab():
        page.open(counter)
        page.wait(f"!({READY}) && {TOLD}", "0123")
        page.wait(f"{READY} && {TOLD}", "0123456789")
    page.wait(f"{READY} && {TOLD}", "0123456789")
    page.reload()
    page.wait(f"{READY} && {TOLD}", "0123456789")
    assert len(page.run("return [...document.querySelectorAll('article')].map(String)")) == 2


@pytest.mark.thorough
def test_a_stop_in_one_tab_ends_the_answer_in_the_other(page):
    counter = f"{page.address}?model=counter"
    page.open(counter)
    page.type("input", "Count")
    page.click("form button")
    page.wait(TOLD, "01")
    with page.another_tab():
        page.open(counter)
        page.wait(f"!({READY}) && {TOLD}", "01")
        page.click(".state button:last-child")
        page.wait(READY)
    page.wait(READY)
    assert "456" not in page.text("main")


def test_the_guide_shows_the_page_that_is_run():
    guide = DOCUMENT.read_text(encoding="utf-8")
    (shown,) = guide.split("```jsx\n")[1:]
    code = (SOURCE / "page.jsx").read_text(encoding="utf-8")
    lines = [line.strip() for line in shown.split("```")[0].splitlines() if line.strip()]
    missing = [line for line in lines if line not in code]
    assert len(lines) > 10 and missing == []
