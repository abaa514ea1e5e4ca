"""No answer is made twice, whichever browser comes back to it.

Only the server knows how often it was made. Only the browser shows that it stays away.
"""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.servers import free_port, serving

COMMAND = "-m tests.live_apps.returning {port}"
KINDS = ["message", "text", "accept", "openai", "quiet", "own"]
ASK = """
window.heard = {};
window.sources = arguments[1].map((kind) => {
  const source = new EventSource(`/answers/${arguments[0]}/${kind}`);
  source.onmessage = () => (heard[kind] = true);
  return source;
});
"""
HEARD = "Object.keys(heard).length === sources.length"
OPEN = "sources.every((source) => source.readyState === EventSource.OPEN)"
AWAY = "sources.every((source) => source.readyState === EventSource.CLOSED)"


@pytest.fixture(scope="module")
def server():
    with serving(COMMAND) as server:
        yield server


@pytest.fixture
def site(browser, server):
    """The server, with one of its pages opened. Requests made before are forgotten."""
    browser.open(f"http://127.0.0.1:{server.port}/")
    server.post("/cut")
    server.post("/forget")
    return server


def requests_of(site):
    """How often each answer was made, and the statuses of all requests for it."""
    told = site.get("/told")
    return {kind: (told["made"].get(kind, 0), told["statuses"].get(kind, [])) for kind in KINDS}


def test_an_event_source_stays_away_behind_the_end(browser, site):
    browser.run(ASK, "ends", KINDS)
    browser.wait(AWAY)
    assert requests_of(site) == dict.fromkeys(KINDS, (1, [200, 204]))


def test_an_event_source_stays_away_behind_a_cut_in_the_middle(browser, site):
    browser.run(ASK, "pauses", KINDS)
    browser.wait(HEARD)
    site.post("/cut")
    browser.wait(AWAY)
    assert requests_of(site) == dict.fromkeys(KINDS, (1, [200, 410]))


def test_an_event_source_stays_away_behind_a_cut_before_the_first_event(browser, site):
    browser.run(ASK, "is-silent", KINDS)
    browser.wait(OPEN)
    site.post("/cut")
    browser.wait(AWAY)
    assert requests_of(site) == dict.fromkeys(KINDS, (1, [200, 410]))


def test_an_event_source_stays_away_from_the_next_server(browser):
    port = free_port()
    with serving(COMMAND, port) as killed:
        browser.open(f"http://127.0.0.1:{port}/")
        browser.run(ASK, "pauses", KINDS)
        browser.wait(HEARD)
        os.kill(killed.pid, signal.SIGKILL)
        assert killed.ended()
    with serving(COMMAND, port) as restarted:
        browser.wait(AWAY)
        assert requests_of(restarted) == dict.fromkeys(KINDS, (0, [410]))


# The same with `llmstream.js`.

LOAD = 'import("/v1/llmstream.js").then(({ Answer }) => (window.Answer = Answer));'
READ = """
const [transport, course] = arguments;
window.states = [];
const onState = ({ name, code }) => states.push(code ?? name);
const url = `/answers/${course}/message`;
transport === "get" ? Answer.get(url, { onState }) : Answer.post(url, {}, { onState });
"""
TOLD = "states[states.length - 1] === arguments[0]"

either = pytest.mark.parametrize("transport", ["get", "post"])


@pytest.fixture
def reader(browser, site):
    browser.run(LOAD)
    browser.wait("window.Answer")
    return browser


@either
def test_the_module_reads_an_answer_to_its_end(reader, site, transport):
    reader.run(READ, transport, "ends")
    reader.wait(TOLD, "ended")
    assert reader.run("return states") == ["waiting", "streaming", "ended"]
    assert requests_of(site)["message"] == (1, [200])


def test_the_module_tells_of_a_cut_in_a_get(reader, site):
    reader.run(READ, "get", "pauses")
    reader.wait(TOLD, "streaming")
    site.post("/cut")
    reader.wait(TOLD, "not_resumed")
    assert reader.run("return states") == ["waiting", "streaming", "reconnecting", "not_resumed"]
    assert requests_of(site)["message"] == (1, [200, 410])


def test_the_module_tells_of_a_cut_in_a_post(reader, site):
    reader.run(READ, "post", "pauses")
    reader.wait(TOLD, "streaming")
    site.post("/cut")
    reader.wait(TOLD, "truncated")
    assert requests_of(site)["message"] == (1, [200])


@either
def test_the_module_s_reader_stays_away_behind_a_cut_before_the_first_event(
    reader, site, transport
):
    reader.run(READ, transport, "is-silent")
    reader.wait(TOLD, "waiting")
    site.post("/cut")
    reader.wait(TOLD, {"get": "not_resumed", "post": "truncated"}[transport])
    assert requests_of(site)["message"][0] == 1
