"""The page of the sample application, in Chromium: what a person sees of an answer."""

from __future__ import annotations

import shutil
import threading
from importlib.util import find_spec

import pytest

from tests.conftest import needs
from tests.servers import serving
from tests.upstream import HEAD, Upstream, completion

needs("playwright", find_spec("playwright"))
needs("Chromium", shutil.which("chromium"))

from playwright.sync_api import expect, sync_playwright  # noqa: E402

TRANSPORTS = ["fetch", "eventsource"]
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
HANG_GUARD_MS = 20_000


class GatedModel:
    """A model's server that writes a token when it is told to, and sees its reader leave."""

    def __init__(self):
        self.steps = []
        self.stepped = threading.Condition()
        self.upstream = Upstream(self.script)

    def script(self, exchange):
        exchange.send(HEAD)
        for text in iter(self.next_step, None):
            exchange.send_event(completion(text))
        exchange.send_event(completion("", "stop"))
        exchange.send_event("[DONE]")
        exchange.send_chunk("")

    def next_step(self):
        with self.stepped:
            self.stepped.wait_for(lambda: self.steps)
            return self.steps.pop(0)

    def write(self, text):
        with self.stepped:
            self.steps.append(text)
            self.stepped.notify()

    def end(self):
        self.write(None)


@pytest.fixture(scope="module")
def browser():
    expect.set_options(timeout=HANG_GUARD_MS)
    with sync_playwright() as playwright:
        options = {"executable_path": shutil.which("chromium"), "args": CHROMIUM}
        with playwright.chromium.launch(**options) as browser:
            yield browser


@pytest.fixture(scope="module")
def model():
    model = GatedModel()
    with model.upstream:
        yield model


@pytest.fixture(scope="module")
def site(model):
    environment = {"LLM_BASE_URL": model.upstream.url, "LLM_MODEL": "gated"}
    command = "-m flask run --port {port}"
    with serving(command, FLASK_APP="sample_app", **environment) as site:
        yield site


@pytest.fixture
def page(browser, site, model):
    """The page, opened; a word in the console (an error, a refused style) fails its test."""
    model.upstream.hung_up.clear()
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(HANG_GUARD_MS)
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"http://127.0.0.1:{site.port}/")
    yield page
    context.close()
    assert said == []


def send(page, transport, prompt="Once upon a time"):
    page.fill("#prompt", prompt)
    page.check(f"#transport-{transport}", force=True)
    page.click("#send")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_text_grows_token_by_token(page, model, transport):
    send(page, transport)
    expect(page.locator("#state")).to_have_attribute("data-state", "waiting")
    written = ""
    for token in ("there", " was", " a", " <b>lighthouse</b>"):
        model.write(token)
        written += token
        expect(page.locator("#answer")).to_have_text(written)
    expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    model.end()
    expect(page.locator("#state")).to_have_attribute("data-state", "ended")
    expect(page.locator("#answer")).to_have_text(written)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stop_in_the_middle_stops_the_model_too(page, model, transport):
    send(page, transport)
    model.write("there")
    expect(page.locator("#answer")).to_have_text("there")
    page.click("#stop")
    assert hung_up_before_its_next_token(model)
    expect(page.locator("#answer")).to_have_text("there")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stop_before_the_first_token_stops_the_model_too(page, model, transport):
    asked = len(model.upstream.requests)
    send(page, transport)
    expect(page.locator("#state")).to_have_attribute("data-state", "waiting")
    page.keyboard.press("Escape")
    assert len(model.upstream.requests) == asked + 1
    assert hung_up_before_its_next_token(model)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_without_a_prompt_the_counter_counts(page, transport):
    send(page, transport, prompt="")
    expect(page.locator("#answer")).to_have_text("0123456789")
    expect(page.locator("#state")).to_have_attribute("data-state", "ended")


def hung_up_before_its_next_token(model):
    """The script waits for its next step, so its connection is looked at from beside it."""
    exchange = model.upstream.requests[-1]
    exchange.wait_for_hang_up()
    model.end()
    return model.upstream.hung_up.wait(HANG_GUARD_MS / 1000)


# The gallery.


def test_the_gallery_shows_what_a_stalled_reader_does_to_each_stream(page, site):
    page.goto(f"http://127.0.0.1:{site.port}/gallery/")
    page.click("#stall")
    card = "article[data-strategy={}] [data-is={}]".format
    expect(page.locator(card("drop", "lost"))).not_to_have_text("0")
    expect(page.locator(card("block", "state"))).to_have_text("waits")
    expect(page.locator(card("error", "state"))).to_have_text("overflow")
    expect(page.locator(card("buffer", "lost"))).to_have_text("0")
