"""``llmstream.js`` goes on with an answer that the server keeps, in each browser."""

from __future__ import annotations

import threading
from contextlib import closing
from urllib.parse import urlencode

import pytest

from tests.support.browsers import Chromium
from tests.support.cable import Cable
from tests.support.servers import HANG_GUARD, serving

LOAD = 'import("/llmstream.js").then(({ Answer }) => (window.Answer = Answer));'
READ = """
const [transport, options] = arguments;
Math.random = () => 0.05; // short pauses
window.readers = [];
window.read = (make) => {
  const reader = { names: [], text: "" };
  const onState = ({ name, reason }) => reader.names.push(reason ?? name);
  const onText = (text) => (reader.text += text);
  reader.answer = make({ onState, onText, ...options });
  readers.push(reader);
};
read((all) =>
  transport === "post" ? Answer.post("/answers", {}, all) : Answer.get("/answers", all),
);
"""
ATTACH = "read((all) => Answer.attach(readers[0].answer.streamUrl, all));"
TEXT = "readers[arguments[0]].text === arguments[1]"
STATE = "readers[arguments[0]].names.slice(-1)[0] === arguments[1]"

either = pytest.mark.parametrize("transport", ["get", "post"])


@pytest.fixture(scope="module")
def server():
    with serving("-m tests.live_apps.resuming {port}") as server:
        yield server


@pytest.fixture
def site(server):
    """The server. What was asked of it before is forgotten."""
    server.post("/cut")
    server.post("/forget")
    return server


def opened(browser, port):
    browser.open(f"http://127.0.0.1:{port}/")
    browser.run(LOAD)
    browser.wait("window.Answer")


@pytest.fixture
def reader(browser, site):
    """A page with the module. After the test no answer is written any more."""
    opened(browser, site.port)
    yield browser
    browser.run("for (const { answer } of window.readers ?? []) answer.stop();")
    is_over(site)


def told_when(site, condition):
    """What the server tells, once the condition holds."""
    pause = threading.Event()
    for _ in range(HANG_GUARD * 50):
        told = site.get("/told")
        if condition(told):
            return told
        pause.wait(0.02)
    raise AssertionError(f"it never told so: {told}")


def is_over(site):
    """Wait until the source of each answer is closed."""
    told_when(site, lambda told: told["made"] == told["over"])


def write(site, text=""):
    site.post("/write?" + urlencode({"text": text}))


def begin(reader, site, transport, **options):
    reader.run(READ, transport, options)
    write(site, "Once")
    reader.wait(TEXT, 0, "Once")


@either
def test_an_answer_goes_on_after_a_cut(reader, site, transport):
    begin(reader, site, transport)
    for text in (" upon", " a", " time"):
        site.post("/cut")
        write(site, text)
        reader.wait("readers[0].text.endsWith(arguments[0])", text)
    write(site)
    reader.wait(STATE, 0, "complete")
    reader.wait(TEXT, 0, "Once upon a time")
    told = site.get("/told")
    assert told["made"] == 1
    assert told["asked"] == [f"{transport.upper()} answers", *["GET streams"] * 3]


@either
def test_a_view_anywhere_says_where_its_stream_is(reader, site, transport):
    reader.run(READ.replace('"/answers"', '"/kept/deep/answers"'), transport, {})
    write(site, "Once")
    reader.wait(TEXT, 0, "Once")
    site.post("/cut")
    write(site, " upon")
    reader.wait(TEXT, 0, "Once upon")
    reader.run("readers[0].answer.stop();")
    is_over(site)
    url = reader.run("return readers[0].answer.streamUrl")
    assert url.startswith(f"http://127.0.0.1:{site.port}/kept/chat/streams/")
    assert site.get("/told")["made"] == 1


@either
def test_stop_before_the_first_token_stops_the_source(reader, site, transport):
    reader.run(READ, transport, {})
    reader.wait(STATE, 0, "waiting")
    reader.run("readers[0].answer.stop();")
    told_when(site, lambda told: "DELETE streams" in told["asked"])
    is_over(site)


@pytest.mark.thorough
@either
def test_stop_before_the_server_has_answered_stops_the_source(reader, site, transport):
    reader.run(READ + "readers[0].answer.stop();", transport, {})
    told_when(site, lambda told: "DELETE streams" in told["asked"])
    is_over(site)


@pytest.mark.thorough
@either
def test_an_answer_goes_on_after_a_cut_before_its_first_token(reader, site, transport):
    reader.run(READ, transport, {})
    reader.wait(STATE, 0, "waiting")
    site.post("/cut")
    reader.wait(STATE, 0, "reconnecting")
    write(site, "Once")
    reader.wait(TEXT, 0, "Once")
    assert site.get("/told")["made"] == 1


@pytest.mark.thorough
@either
def test_an_answer_goes_on_when_the_network_was_gone(browser, site, transport):
    with closing(Cable(site.port)) as cable:
        opened(browser, cable.port)
        begin(browser, site, transport, stall=1000)
        cable.unplug()
        write(site, " upon")
        browser.wait(STATE, 0, "reconnecting")
        write(site, " a time")
        write(site)
        cable.plug()
        browser.wait(STATE, 0, "complete")
        browser.wait(TEXT, 0, "Once upon a time")
        assert site.get("/told")["made"] == 1


@pytest.mark.thorough
@either
def test_stop_in_one_reader_stops_all(reader, site, transport):
    begin(reader, site, transport)
    reader.run(ATTACH)
    reader.wait(TEXT, 1, "Once")
    write(site, " upon")
    reader.wait(TEXT, 1, "Once upon")
    reader.run("readers[0].answer.stop();")
    reader.wait(STATE, 1, "cancelled")
    is_over(site)
    assert reader.run("return readers[0].names.slice(-1)[0]") == "stopped"


@pytest.mark.thorough
@either
def test_who_leaves_leaves_the_answer_to_the_others(reader, site, transport):
    begin(reader, site, transport)
    reader.run(ATTACH)
    reader.wait(TEXT, 1, "Once")
    reader.run("readers[0].answer.leave();")
    write(site, " upon")
    reader.wait(TEXT, 1, "Once upon")
    write(site)
    reader.wait(STATE, 1, "complete")


# A page that sleeps.

AWAY = "addEventListener('pageshow', (event) => (window.kept = event.persisted));"
BACK = "location.pathname === '/' && document.readyState === 'complete'"


def goes_away_and_back(reader, site):
    """A visit to another page. Whether this one is kept meanwhile, each browser decides."""
    reader.run(AWAY)
    reader.open(f"http://127.0.0.1:{site.port}/told")
    reader.back()
    reader.wait(BACK)
    if not reader.run("return window.kept"):
        assert not isinstance(reader, Chromium)
        write(site)  # to the end of an answer that nobody reads
        pytest.skip("this browser has loaded the page anew")


@either
def test_a_page_out_of_the_back_forward_cache_goes_on(reader, site, transport):
    begin(reader, site, transport)
    goes_away_and_back(reader, site)
    write(site, " upon")
    reader.wait(TEXT, 0, "Once upon")
    write(site)
    reader.wait(STATE, 0, "complete")
    told = site.get("/told")
    assert (told["made"], told["asked"]) == (1, [f"{transport.upper()} answers", "GET streams"])


def test_a_page_out_of_the_back_forward_cache_has_left_an_answer_that_is_not_kept(reader, site):
    reader.run(READ.replace('Answer.post("/answers"', 'Answer.post("/unkept"'), "post", {})
    write(site, "Once")
    reader.wait(TEXT, 0, "Once")
    goes_away_and_back(reader, site)
    end = reader.run("const { code, reason } = readers[0].answer.state; return code ?? reason")
    assert end == "left"


def test_a_page_that_is_reloaded_before_the_server_answers_has_not_failed(browser, site):
    opened(browser, site.port)
    browser.run(
        "localStorage.told = ''; const onState = ({ name }) => (localStorage.told += name);"
        "Answer.post('/held', {}, { onState });"
    )
    told_when(site, lambda told: told["asked"] == ["POST held"])
    browser.reload()
    write(site)
    assert browser.run("return localStorage.told") == ""


def test_a_page_that_was_frozen_goes_on_after_a_cut(browser, site):
    if not isinstance(browser, Chromium):
        pytest.skip("no driver of another browser freezes a page")
    with browser.another_tab():  # a tab that was frozen loads some things no more
        opened(browser, site.port)
        begin(browser, site, "post")
        browser.lifecycle("frozen")
        site.post("/cut")
        write(site, " upon")
        browser.lifecycle("active")
        browser.wait(TEXT, 0, "Once upon")
        write(site)
        browser.wait(STATE, 0, "complete")
    assert site.get("/told")["made"] == 1
