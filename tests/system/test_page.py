"""The page of the sample application in each browser: what a person sees of an answer."""

from __future__ import annotations

import pytest

from tests.support.chat_page import ESCAPE, RIGHT

METHODS = ["post", "get"]


@pytest.mark.parametrize("method", METHODS)
def test_the_text_grows_token_by_token(page, model, method):
    page.ask("Once upon a time", method)
    page.is_in("waiting")
    written = ""
    for token in ("there", " was", " a", " <b>lighthouse</b>"):
        model.write(token)
        written += token
        page.answers(written)
    page.is_in("streaming")
    model.end()
    page.is_in("ended")
    page.answers(written)


@pytest.mark.parametrize("method", METHODS)
def test_the_frames_are_shown_from_the_opening_to_the_end(page, model, method):
    page.ask("Once upon a time", method)
    if method == "post":
        page.look_behind_the_scenes()
    model.write("there")
    model.end()
    page.is_in("ended")
    page.browser.wait("document.querySelector('#frames').textContent.includes(':end')")
    frames = page.browser.text("#frames")
    assert "event: opened" in frames and '"message":"there"' in frames


def test_stop_in_the_middle_stops_the_model_too(page, model):
    page.ask("Once upon a time")
    model.write("there")
    page.answers("there")
    page.browser.click("#stop")
    assert model.hung_up_before_its_next_token()
    page.answers("there")
    page.shows(".end", "Stopped by you")


def test_stop_before_the_first_token_stops_the_model_too(page, model):
    asked = len(model.upstream.requests)
    page.ask("Once upon a time")
    page.is_in("waiting")
    page.browser.type("#prompt", ESCAPE)
    assert len(model.upstream.requests) == asked + 1
    assert model.hung_up_before_its_next_token()


def test_reasoning_is_folded_above_the_answer(page, model):
    page.ask("Once upon a time")
    model.write({"reasoning_content": "Which lighthouse?"})
    page.shows(".reasoning", "Which lighthouse?")
    assert page.browser.run("return document.querySelector('.thoughts').open") is False
    page.is_in("streaming")
    model.write("there")
    model.end()
    page.answers("there")


def test_a_refusal_is_marked_and_no_answer(page, model):
    page.ask("Once upon a time")
    model.write({"refusal": "I won't."})
    model.end()
    page.browser.wait("document.querySelector('.answer.refused')")
    page.answers("I won't.")
    page.shows(".end", "The model refused")


def test_the_calls_of_tools_are_shown(page, model):
    page.ask("Once upon a time")
    function = {"name": "light", "arguments": '{"on": true}'}
    model.write({"tool_calls": [{"index": 0, "id": "a", "function": function}]})
    model.end()
    page.shows(".calls", 'light({"on": true})')
    page.shows(".end", "The model calls its tools")


def test_the_counter_counts_and_esc_stops_it(page):
    page.browser.type("#model", "counter")
    page.ask("Count to nine.")
    page.answers("0")
    page.answers("01")
    page.browser.type("#prompt", ESCAPE)
    page.is_in("ended")


def test_a_radio_that_the_keys_reach_shows_its_focus(page):
    page.look_behind_the_scenes()
    page.browser.click("#method-post")
    page.browser.type("#method-post", RIGHT)
    page.browser.wait("document.activeElement.id === 'method-get'")
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert page.browser.run(outline) == "solid"


# The page is left, and comes back.


def began(page, model, method="post"):
    """An answer that has begun. Another reload would show it as often as it was asked for."""
    asked = len(model.upstream.requests)
    page.ask("Once upon a time", method)
    model.write("there")
    page.answers("there")
    return lambda: len(model.upstream.requests) - asked


def goes_on(page, model, text="there"):
    page.answers(text)
    model.write(" was")
    page.answers(text + " was")
    model.end()
    page.is_in("ended")


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_goes_on_after_a_reload(page, model, method):
    asked = began(page, model, method)
    page.browser.reload()
    goes_on(page, model)
    assert asked() == 1
    page.browser.reload()
    page.is_in("idle")
    page.answers("there was")
    assert page.questions() == ["Once upon a time"]


def test_an_answer_that_is_waited_for_goes_on_after_a_reload(page, model):
    page.ask("Once upon a time")
    page.is_in("waiting")
    page.browser.reload()
    page.is_in("waiting")
    model.write("there")
    goes_on(page, model)


def test_an_answer_goes_on_behind_the_back_button(page, model):
    asked = began(page, model)
    page.open("/gallery/")
    model.write(" once")
    page.browser.back()
    goes_on(page, model, "there once")
    assert asked() == 1


def test_another_tab_shows_the_answer_live_and_stop_in_it_stops_both(page, model):
    asked = began(page, model)
    with page.browser.another_tab():
        page.open()
        page.answers("there")
        model.write(" was")
        page.answers("there was")
        page.browser.click("#stop")
        page.is_in("ended")
    page.is_in("ended")
    words = "['Cancelled', 'Stopped by you']"  # the server's, or the other tab's
    page.browser.wait(f"{words}.includes(document.querySelector('.end').textContent)")
    page.answers("there was")
    assert model.hung_up_before_its_next_token()
    assert asked() == 1


def test_an_answer_that_another_tab_asks_for_is_shown_in_this_one(page, model):
    began(page, model)
    goes_on(page, model)
    with page.browser.another_tab():
        page.open()
        page.ask("And then?")
        model.write("Nothing.")
        page.answers("Nothing.")
    page.answers("Nothing.")
    model.end()
    page.is_in("ended")
    assert page.questions() == ["Once upon a time", "And then?"]


CLOSED_EARLY = """
const [key] = Object.keys(localStorage).filter((key) => key.startsWith("conversation:"));
const [time, conversation] = localStorage[key].split(/ (.*)/s);
const { id, exchanges } = JSON.parse(conversation);
exchanges.push({ id: "another", question: "And then?", model: "", url: null, end: null });
localStorage[key] = `${time} ${JSON.stringify({ id, exchanges })}`;
const body = JSON.stringify({ prompt: "And then?", stream: true });
const headers = { "Content-Type": "application/json" };
const asked = fetch("/v1/chat/completions?format=message", { method: "POST", body, headers });
asked.then(() => (window.isAsked = true));
"""


@pytest.mark.thorough
def test_an_answer_is_shown_whose_tab_was_closed_before_the_server_had_answered(page, model):
    began(page, model)
    goes_on(page, model)
    with page.browser.another_tab():
        page.open()
        page.browser.run(CLOSED_EARLY)
        page.browser.wait("window.isAsked")
        model.write("Nothing.")
    page.answers("Nothing.")
    model.end()
    page.is_in("ended")


@pytest.mark.thorough
def test_a_new_conversation_in_another_tab_leaves_the_answer_of_the_first(page, model):
    began(page, model)
    with page.browser.another_tab():
        page.open()
        page.answers("there")
        page.browser.click("#fresh")
        page.browser.type("#model", "counter")
        page.ask("Count.")
        page.answers("0")
        page.browser.click("#stop")
    goes_on(page, model)


# The gallery.


def test_the_gallery_shows_what_a_stalled_reader_does_to_each_stream(page):
    browser = page.browser
    page.open("/gallery/")
    browser.click("#stall")
    card = "article[data-strategy={}] [data-is={}]".format
    browser.wait("document.querySelector(arguments[0]).textContent > 0", card("drop", "lost"))
    browser.shows(card("block", "state"), "waits")
    browser.shows(card("error", "state"), "overflow")
    browser.shows(card("buffer", "lost"), "0")
