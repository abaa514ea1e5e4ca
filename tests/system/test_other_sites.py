"""What a page of another site can make a browser send, and what an allowed page can read.

Over plain HTTP a browser says more to a host of this machine than to any other. So the tests have
both: ``127.0.0.1`` and ``localhost``, two sites to it, and names that stand for other machines.
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.conftest import needs
from tests.support.servers import serving

SEND = """
const [site, names] = arguments;
const get = (name) => `${site}/chat/stream?prompt=${name}&name=${name}`;
const post = (name) => `${site}/chat/completions?format=message&name=${name}`;
const question = JSON.stringify({ prompt: "posted" });

const made = (kind, attributes) => Object.assign(document.createElement(kind), attributes);
const element = (kind, attributes) => new Promise((resolve) => {
  const settle = () => resolve();
  document.documentElement.append(
    made(kind, { ...attributes, onload: settle, onerror: settle }));
});
const form = async (name, enctype) => {
  const form = made("form", { action: post(name), method: "POST", enctype, target: name });
  form.append(made("input", { name: "prompt", value: "x" }));
  document.documentElement.append(form);
  let frame;
  await new Promise((resolve) => {  // its empty page is loaded first
    frame = made("iframe", { name, onload: () => resolve() });
    document.documentElement.append(frame);
  });
  await new Promise((resolve) => {
    frame.onload = () => resolve();
    form.submit();
  });
};
const read = async (asked) => {
  try {
    const response = await asked;
    return [response.status, await response.text(), response.headers.get("Retry-After")];
  } catch { return "blocked"; }
};
const events = (url, withCredentials) => new Promise((resolve) => {
  const source = new EventSource(url, { withCredentials });
  let text = "";
  source.onmessage = ({ data }) => {
    const said = JSON.parse(data);
    text += said.message;
    if (said.ended) { source.close(); resolve(text); }
  };
  source.onerror = () => { source.close(); resolve("blocked"); };
});
const client = async (begin) => {
  let text = "";
  const onText = (piece) => (text += piece);
  const module = await import(`${site}/llmstream.js`);
  const state = await begin(module, { onText, credentials: "include" }).finished;
  return [state.name, text];
};
const json = { "Content-Type": "application/json" };
const ways = {
  image: (name) => element("img", { src: get(name) }),
  frame: (name) => element("iframe", { src: get(name) }),
  style: (name) => element("link", { rel: "stylesheet", href: get(name) }),
  sound: (name) => element("audio", { src: get(name) }),
  script: (name) => element("script", { src: get(name) }),
  module: (name) => element("script", { type: "module", src: get(name) }),
  events: (name) => events(get(name)),
  events_as_user: (name) => events(get(name), true),
  fetch: (name) => read(fetch(get(name))),
  fetch_opaque: (name) => read(fetch(get(name), { mode: "no-cors" })),
  form: (name) => form(name, "application/x-www-form-urlencoded"),
  form_text: (name) => form(name, "text/plain"),
  post_text: (name) => read(fetch(post(name), { method: "POST", body: question })),
  post_opaque: (name) => read(
    fetch(post(name), { method: "POST", body: question, mode: "no-cors" })),
  post: (name) => read(fetch(post(name), { method: "POST", body: question, headers: json })),
  post_as_user: (name) => read(fetch(post(name), {
    method: "POST", body: question, headers: json, credentials: "include" })),
  post_with_token: (name) => read(fetch(post(name), { method: "POST", body: question,
    headers: { ...json, Authorization: "Bearer x", "X-Other": "y" } })),
  post_failing: (name) => read(fetch(post(name), {
    method: "POST", body: JSON.stringify({ prompt: "fail" }), headers: json })),
  client: (name) => client(({ Answer }, options) =>
    Answer.post(post(name), { prompt: "x" }, options)),
  client_get: (name) => client(({ Answer }, options) => Answer.get(get(name), options)),
};
window.outcome = null;
Promise.all(names.map(async (name) => [name, await ways[name](name)]))
  .then((outcomes) => (window.outcome = Object.fromEntries(outcomes)));
"""

ELEMENTS = ["image", "frame", "style", "sound", "script"]
UNSEEN = ["sound", "script", "fetch_opaque"]
"""Requests that look like a program's, if the browser sends no header that tells more."""
GETS = [*ELEMENTS, "fetch_opaque", "module", "events", "events_as_user", "fetch"]
SIMPLE_POSTS = ["form", "form_text", "post_text", "post_opaque"]
POSTS = ["post", "post_as_user", "post_with_token"]
CLIENT = ["client", "client_get"]
"""The package's own client. Its requests carry the cookies of the page's user."""


class Site:
    """A browser's window with a page of one host, which requests the chat endpoints of another."""

    def __init__(self, browser, server):
        self._browser = browser
        self._server = server

    def send(self, page, to, *names, path="/v1"):
        """Send a request in each of these ways. Returns what the page can see of the answers."""
        self._server.post("/forget")
        self._browser.open(f"http://{page}:{self._server.port}/")
        self._browser.run(SEND, f"http://{to}:{self._server.port}{path}", list(names))
        self._browser.wait("window.outcome")
        told = self._server.get("/told")
        self.runs = sorted(told["runs"])
        self.asked = {name: told["asked"].get(name) for name in names}
        return self._browser.run("return window.outcome")


@pytest.fixture(scope="module")
def server():
    with serving("-m tests.live_apps.pages {port}") as server:
        yield server


@pytest.fixture
def site(browser, server):
    return Site(browser, server)


@pytest.fixture
def far(request, site):
    """The same, with host names that stand for other machines."""
    if request.node.callspec.params["browser"] == "WebKit":
        pytest.skip("WebKit can't be told what a name stands for")
    return site


def test_nothing_that_another_site_s_page_sends_runs_a_model(site):
    seen = site.send("localhost", "127.0.0.1", *GETS, *SIMPLE_POSTS)
    assert site.runs == []
    assert site.asked == {
        **dict.fromkeys(GETS, [["GET", 403]]),
        **dict.fromkeys(SIMPLE_POSTS, [["POST", 403]]),
    }
    assert {seen[name] for name in ("events", "fetch", "post_text")} == {"blocked"}


def test_its_json_is_not_even_sent(site):
    seen = site.send("localhost", "127.0.0.1", *POSTS)
    assert site.runs == []
    assert site.asked == dict.fromkeys(POSTS, [["OPTIONS", 403]])
    assert set(seen.values()) == {"blocked"}


def test_over_plain_http_it_can_send_little(far):
    seen = far.send("evil.test", "site.test", *GETS, *SIMPLE_POSTS, *POSTS)
    assert set(far.runs) <= set(UNSEEN)
    assert all(far.asked[name] == [["GET", 403]] for name in set(GETS).difference(UNSEEN))
    assert all(far.asked[name] == [["POST", 403]] for name in SIMPLE_POSTS)
    assert {seen[name] for name in ("events", "fetch", "post_text", *POSTS)} == {"blocked"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_site_s_own_page_is_answered(site, host):
    seen = site.send(host, host, "events", "fetch", "fetch_opaque", *POSTS, *CLIENT)
    assert seen["events"] == "dear"
    assert seen["client"] == seen["client_get"] == ["ended", "dear"]
    assert all(seen[name][0] == 200 and "dear" in seen[name][1] for name in ("fetch", *POSTS))


def test_so_it_is_over_plain_http(far):
    seen = far.send("site.test", "site.test", "events", "fetch", *POSTS)
    assert seen["events"] == "dear"
    assert all(seen[name][0] == 200 for name in ("fetch", *POSTS))


def test_what_a_user_has_put_into_this_site_s_page_runs_nothing(site):
    site.send("127.0.0.1", "127.0.0.1", *ELEMENTS)
    assert site.runs == []
    assert site.asked == dict.fromkeys(ELEMENTS, [["GET", 403]])


FRIEND = ["events", "events_as_user", "fetch", *POSTS, "post_failing", *CLIENT]


def test_an_allowed_page_asks_and_reads_the_answer_and_what_went_wrong(site):
    seen = site.send("localhost", "127.0.0.1", *FRIEND, path="/open")
    assert (seen["events"], seen["events_as_user"]) == ("dear", "dear")
    assert all(seen[name][0] == 200 and "dear" in seen[name][1] for name in ("fetch", *POSTS))
    assert seen["client"] == seen["client_get"] == ["ended", "dear"]
    status, text, retry_after = seen["post_failing"]
    assert (status, retry_after) == (503, "7")
    assert "Not now." in text


def test_so_it_does_over_plain_http(far):
    seen = far.send("friend.test", "site.test", *FRIEND, path="/open")
    assert (seen["events"], seen["events_as_user"]) == ("dear", "dear")
    assert all(seen[name][0] == 200 for name in ("fetch", *POSTS))
    assert seen["client"] == seen["client_get"] == ["ended", "dear"]


def test_where_any_page_may_ask_none_does_as_its_user(site):
    seen = site.send("localhost", "127.0.0.1", "fetch", "events", "post", *CLIENT, path="/any")
    assert seen["events"] == "dear"
    assert (seen["fetch"][0], seen["post"][0]) == (200, 200)
    assert seen["client"] == seen["client_get"] == ["failed", ""]


def test_the_page_of_the_docs_sends_its_csrf_token(browser):
    needs("Flask-WTF", find_spec("flask_wtf"))
    with serving("-m tests.live_apps.documented {port}") as server:
        browser.open(f"http://127.0.0.1:{server.port}/")
        browser.shows("#answer", "There was a model.")
