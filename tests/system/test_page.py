"""The page of the sample application in each browser: what a person sees of an answer."""

from __future__ import annotations

import threading

import pytest

from tests.support.servers import HANG_GUARD, serving
from tests.support.upstream import CLOSING_HEAD, Upstream, completion

TRANSPORTS = ["fetch", "eventsource"]
ESCAPE = "\ue00c"
"""The key, in WebDriver's words."""


class GatedModel:
    """A model's server that writes a token when the test says so, and notices its reader's end."""

    def __init__(self):
        self.steps = []
        self.stepped = threading.Condition()
        self.upstream = Upstream(self.script)

    def script(self, exchange):
        exchange.send(CLOSING_HEAD)
        for step in iter(self.next_step, None):
            exchange.send_event(completion(step) if isinstance(step, str) else delta_chunk(step))
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


def delta_chunk(delta):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


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
    """The page, opened. A message in the console (an error, a refused style) fails the test."""
    model.upstream.hung_up.clear()
    browser.open(f"http://127.0.0.1:{site.port}/")
    browser.wait("document.querySelector('#model').length")
    browser.console()
    yield browser
    assert browser.console() == []


def send(page, transport, prompt="Once upon a time"):
    if prompt:
        page.type("#prompt", prompt)
    page.click(f"label:has(#transport-{transport})")
    page.click("#send")


def is_in(page, state):
    """Wait until the answer is in this state."""
    page.wait("document.querySelector('#state').dataset.state === arguments[0]", state)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_text_grows_token_by_token(page, model, transport):
    send(page, transport)
    is_in(page, "waiting")
    written = ""
    for token in ("there", " was", " a", " <b>lighthouse</b>"):
        model.write(token)
        written += token
        page.shows("#answer", written)
    is_in(page, "streaming")
    model.end()
    is_in(page, "ended")
    page.shows("#answer", written)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_frames_are_shown_from_the_opening_to_the_end(page, model, transport):
    send(page, transport)
    page.click("#fold summary")
    model.write("there")
    model.end()
    page.wait("document.querySelector('#frames').textContent.includes(':ended')")
    frames = page.text("#frames")
    assert "event: opened" in frames and '"message":"there"' in frames


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stop_in_the_middle_stops_the_model_too(page, model, transport):
    send(page, transport)
    model.write("there")
    page.shows("#answer", "there")
    page.click("#stop")
    assert hung_up_before_its_next_token(model)
    page.shows("#answer", "there")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stop_before_the_first_token_stops_the_model_too(page, model, transport):
    asked = len(model.upstream.requests)
    send(page, transport)
    is_in(page, "waiting")
    page.type("#prompt", ESCAPE)
    assert len(model.upstream.requests) == asked + 1
    assert hung_up_before_its_next_token(model)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_reasoning_is_folded_above_the_answer(page, model, transport):
    send(page, transport)
    model.write({"reasoning_content": "Which lighthouse?"})
    page.shows("#reasoning", "Which lighthouse?")
    assert page.run("return document.querySelector('#thoughts').open") is False
    is_in(page, "streaming")
    model.write("there")
    model.end()
    page.shows("#answer", "there")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_refusal_is_marked_and_no_answer(page, model, transport):
    send(page, transport)
    model.write({"refusal": "I won't."})
    model.end()
    page.wait("document.querySelector('#answer.refused')")
    page.shows("#answer", "I won't.")
    page.shows("#state", "Ended: the model refused")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_calls_of_tools_are_shown(page, model, transport):
    send(page, transport)
    function = {"name": "light", "arguments": '{"on": true}'}
    model.write({"tool_calls": [{"index": 0, "id": "a", "function": function}]})
    model.end()
    page.shows("#calls", 'light({"on": true})')
    page.shows("#state", "Ended: the model calls its tools")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_without_a_prompt_the_counter_counts(page, transport):
    send(page, transport, prompt="")
    page.shows("#answer", "0")
    page.shows("#answer", "01")
    page.click("#stop")
    is_in(page, "ended")


# The page is left, and comes back.


def began(page, model, transport):
    """An answer that has begun. Another reload would show it as often as it was asked for."""
    asked = len(model.upstream.requests)
    send(page, transport)
    model.write("there")
    page.shows("#answer", "there")
    return lambda: len(model.upstream.requests) - asked


def goes_on(page, model, text="there"):
    page.shows("#answer", text)
    model.write(" was")
    page.shows("#answer", text + " was")
    model.end()
    is_in(page, "ended")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_answer_goes_on_after_a_reload(page, model, transport):
    asked = began(page, model, transport)
    page.reload()
    goes_on(page, model)
    assert asked() == 1
    page.reload()
    is_in(page, "idle")


def test_an_answer_that_is_waited_for_goes_on_after_a_reload_without_a_memory(page, model):
    send(page, "fetch")
    is_in(page, "waiting")
    page.run("sessionStorage.clear()")
    page.reload()
    is_in(page, "waiting")
    model.write("there")
    goes_on(page, model)


def test_an_answer_goes_on_behind_the_back_button(page, site, model):
    asked = began(page, model, "fetch")
    page.open(f"http://127.0.0.1:{site.port}/gallery/")
    model.write(" once")
    page.back()
    goes_on(page, model, "there once")
    assert asked() == 1


def test_another_tab_shows_the_answer_live_and_stop_in_it_stops_both(page, site, model):
    asked = began(page, model, "fetch")
    with page.another_tab():
        page.open(f"http://127.0.0.1:{site.port}/")
        page.shows("#answer", "there")
        model.write(" was")
        page.shows("#answer", "there was")
        page.click("#stop")
        is_in(page, "ended")
    page.shows("#state", "Ended: cancelled")
    page.shows("#answer", "there was")
    assert hung_up_before_its_next_token(model)
    assert asked() == 1


@pytest.mark.thorough
def test_a_question_in_another_tab_leaves_the_answer_of_the_first(page, site, model):
    began(page, model, "fetch")
    with page.another_tab():
        page.open(f"http://127.0.0.1:{site.port}/")
        page.shows("#answer", "there")
        send(page, "fetch", prompt="")
        page.shows("#answer", "0")
        page.click("#stop")
    goes_on(page, model)


def hung_up_before_its_next_token(model):
    """Whether its reader has left. Its script is waiting, so the connection is looked at."""
    exchange = model.upstream.requests[-1]
    exchange.wait_for_hang_up()
    model.end()
    return model.upstream.hung_up.wait(HANG_GUARD)


# The gallery.


def test_the_gallery_shows_what_a_stalled_reader_does_to_each_stream(page, site):
    page.open(f"http://127.0.0.1:{site.port}/gallery/")
    page.click("#stall")
    card = "article[data-strategy={}] [data-is={}]".format
    page.wait("document.querySelector(arguments[0]).textContent > 0", card("drop", "lost"))
    page.shows(card("block", "state"), "waits")
    page.shows(card("error", "state"), "overflow")
    page.shows(card("buffer", "lost"), "0")
