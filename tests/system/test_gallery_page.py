"""The gallery's page in each browser: its words, and labels that tell what really happens."""

from __future__ import annotations

import pytest

from tests.support.browsers import chromium
from tests.support.servers import serving

SENT = "document.querySelector('[data-strategy=drop] [data-is=sent]').textContent"
STALLED = "document.querySelector('[data-strategy=block] [data-is=state]').textContent"


@pytest.fixture(scope="module")
def url():
    command = "-m flask run --port {port}"
    with serving(command, FLASK_APP="sample_app", LLM_BASE_URL="http://127.0.0.1:9") as site:
        yield f"http://127.0.0.1:{site.port}/gallery/"


@pytest.fixture
def gallery(browser, url):
    """The gallery, opened. A message in the console (an error, a refused style) fails the test."""
    browser.open(url)
    browser.console()
    yield browser
    assert browser.console() == []


def set_slider(gallery, name, value):
    """Move a slider, as a person's hand does."""
    moved = "for (const kind of ['input', 'change']) slider.dispatchEvent(new Event(kind))"
    slider = "const slider = document.getElementById(arguments[0]); slider.value = arguments[1];"
    gallery.run(slider + moved, name, value)


def reload(gallery, url):
    gallery.run("window.isOld = true; location.reload()")  # WebDriver's own resets Firefox's forms
    gallery.wait("!window.isOld && document.querySelector('article')")


def come_back(gallery, url):
    gallery.open(url + "static/gallery.css")
    gallery.back()
    gallery.wait("document.querySelector('article')")


@pytest.mark.parametrize("again", [reload, come_back])
def test_a_page_that_comes_again_shows_its_sliders_and_streams(gallery, url, again):
    for name in ("rate", "speed"):
        set_slider(gallery, name, 60)
    gallery.wait(f"{SENT} > 0")
    again(gallery, url)
    gallery.wait("document.readyState === 'complete'")
    for name in ("rate", "speed"):
        value = gallery.run("return document.getElementById(arguments[0]).value", name)
        gallery.shows(f"#{name}-shown", value)
    sent = gallery.run(f"return {SENT}")
    gallery.wait(f"{SENT} !== arguments[0]", sent)


def test_a_reader_that_is_stalled_takes_no_items(gallery):
    gallery.click("#stall")
    gallery.shows("#speed-shown", "0")


@pytest.mark.parametrize(
    "tag, lang, heading, waits",
    [
        ("zh-CN", "zh-Hans", "数据源很快，读取端很慢", "等待"),
        ("zh-HK", "zh-Hant", "資料來源很快，讀取端很慢", "等待"),
        ("de", "en", "A fast source, a slow reader", "waits"),
    ],
)
def test_the_words_are_in_the_visitors_language(url, tag, lang, heading, waits):
    with chromium(tag) as browser:
        browser.open(url)
        assert browser.run("return document.documentElement.lang") == lang
        assert browser.text("h1") == heading
        browser.click("#stall")
        browser.wait(f"{STALLED} === arguments[0]", waits)
