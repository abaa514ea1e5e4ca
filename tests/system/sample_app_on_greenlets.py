"""The sample app, part by part. ``test_sample_app`` runs this in a process that is monkey-patched,
as importing the sample app makes one."""

from __future__ import annotations

import io
import json
import os
import socket
import sys
from pathlib import Path

import gevent
import pytest

from flask_llmstream import CompletionRequest, ProviderError, ServerSentEvent, Usage
from sample_app import create_app, model
from tests.support.upstream import HANG_GUARD, Upstream, tokens

PROMPT = CompletionRequest(model.NAME, prompt="The sea is")

CHILD = """
import json, sys
key = sys.stdin.readline().strip()
for step in sys.argv[1:]:
    if step.startswith("/"):
        open(step).read()  # a named pipe: it waits until the test has opened it too
    else:
        print(step.replace("KEY", key), flush=True)
sys.stdin.read()
"""


def child(*steps):
    """The command of a process that prints these texts. A path is a gate where it waits."""
    told = [step if isinstance(step, str) else json.dumps(step) for step in steps]
    return [sys.executable, "-c", CHILD, *told]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="session", autouse=True)
def resolver_started():
    """Start the thread of all look-ups. The first look-up starts it; no test must leak it."""
    socket.getaddrinfo("127.0.0.1", 80)


@pytest.fixture
def gate(tmp_path):
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


@pytest.fixture
def local():
    """A function that makes a model with this command as its server. It is ended afterwards."""
    made = []

    def make(command, terminal=None):
        made.append(model.LocalModel(command, terminal or io.StringIO()))
        return made[-1]

    yield make
    while made:  # whose connections are kept as long as they live
        end(made.pop().start())


def end(server):
    """End a process, and wait for its end."""
    server.stop()
    with gevent.Timeout(HANG_GUARD):
        while not server.ended:
            gevent.sleep(0.01)


def test_it_loads_and_then_answers(local, gate):
    with Upstream(tokens("blue", " and", " wide")) as upstream:
        command = child({"progress": 0.5}, str(gate), {"base_url": upstream.url})
        deltas = local(command).stream(PROMPT)
        half = ServerSentEvent(event="loading", data={"model": model.NAME, "progress": 0.5})
        assert half in (next(deltas) for _ in range(40))
        gate.write_text("go on")
        answer = [delta for delta in deltas if not isinstance(delta, ServerSentEvent)]
        assert answer == ["blue", " and", " wide", Usage()]


def test_the_key_of_the_process_is_its_own_and_shown_to_it(local):
    with Upstream(tokens("x")) as upstream:
        first, second = (local(child({"base_url": upstream.url})) for _ in range(2))
        for one in (first, second):
            list(one.stream(PROMPT))
        keys = {exchange.headers["Authorization"] for exchange in upstream.requests}
    assert len(keys) == 2


def test_the_answer_is_bounded_unless_the_client_asks_for_more(local):
    with Upstream(tokens("x")) as upstream:
        one = local(child({"base_url": upstream.url}))
        list(one.stream(PROMPT))
        list(one.stream(CompletionRequest(model.NAME, prompt="x", options={"max_tokens": 500})))
        asked = [exchange.json["max_tokens"] for exchange in upstream.requests]
    assert asked == [200, 500]


def test_a_conversation_is_sent_as_it_is(local):
    turns = [("user", "Name a fruit."), ("assistant", "Pear."), ("user", "Another one.")]
    messages = tuple({"role": role, "content": text} for role, text in turns)
    with Upstream(tokens("Fig")) as upstream:
        one = local(child({"base_url": upstream.url}))
        list(one.stream(CompletionRequest(model.NAME, messages=messages)))
        assert upstream.requests[0].json["messages"] == list(messages)


def test_many_who_come_at_once_start_one_process(local):
    one = local(child())
    starting = [gevent.spawn(one.start) for _ in range(20)]
    gevent.joinall(starting, timeout=HANG_GUARD)
    assert len({id(greenlet.value) for greenlet in starting}) == 1


def test_a_reader_who_leaves_while_it_loads_leaves_it_loading(local, gate):
    with Upstream(tokens("x")) as upstream:
        one = local(child(str(gate), {"base_url": upstream.url}))
        deltas = one.stream(PROMPT)
        next(deltas)
        deltas.close()
        gate.write_text("go on")
        assert list(one.stream(PROMPT))[-2:] == ["x", Usage()]


@pytest.mark.parametrize(
    "command, why",
    [
        (child({"error": "OSError: cannot read"}), "cannot read"),
        ([sys.executable, "-c", "raise SystemExit(7)"], "its process ended with status 7"),
        ([sys.executable, "-S", model._SCRIPT], model.PACKAGE),
    ],
)
def test_a_model_that_cannot_be_loaded_is_told_with_what_to_do(local, command, why):
    with pytest.raises(ProviderError, match="pip install") as caught:
        end_stdin_when_told(local(command))
    assert why in str(caught.value)
    assert caught.value.status == 503


def test_ctrl_c_at_the_terminal_is_not_for_the_models_process(local):
    tell_session = "import json, os; print(json.dumps({'error': str(os.getsid(0))}))"
    server = local([sys.executable, "-c", tell_session]).start()
    server.wait(HANG_GUARD)
    assert int(server.failure) != os.getsid(0)


def end_stdin_when_told(one):
    deltas = one.stream(PROMPT)
    one.start().stop()
    list(deltas)


def test_a_process_that_has_ended_is_followed_by_another(local):
    with Upstream(tokens("x")) as upstream:
        one = local(child({"base_url": upstream.url}))
        first = one.start()
        list(one.stream(PROMPT))
        end(first)
        assert one.start() is not first
        assert list(one.stream(PROMPT))[-2:] == ["x", Usage()]


def test_a_terminal_sees_one_line_that_changes(local):
    terminal = Terminal()
    with Upstream(tokens("x")) as upstream:
        one = local(child({"progress": 0.25}, {"base_url": upstream.url}), terminal)
        list(one.stream(PROMPT))
    start = f"\r\033[K{model.NAME}: "
    shown = [f"{start}loading", f"{start}loading 25%", f"{start}ready\n"]
    assert terminal.getvalue() == "".join(shown)


def test_a_log_file_sees_the_beginning_and_the_end(local):
    log = io.StringIO()
    with Upstream(tokens("x")) as upstream:
        one = local(child({"progress": 0.25}, {"base_url": upstream.url}), log)
        list(one.stream(PROMPT))
    assert log.getvalue() == f"{model.NAME}: loading\n{model.NAME}: ready\n"


@pytest.fixture
def environment(monkeypatch):
    """A function that sets environment variables, and unsets those that are not given."""

    def change(**values):
        for name in ("LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    change()
    return change


class Idle(model.LocalModel):
    """The model, which no request starts."""

    def start(self):
        return None


def described(app):
    return app.test_client().get("/models.json").get_json()


def models(app):
    answer = app.test_client().get("/v1/models").get_json()
    return [entry["id"] for entry in answer["data"]]


def test_the_link_to_the_api_leads_to_its_description(environment):
    environment(LLM_BASE_URL="http://127.0.0.1:9")
    client = create_app().test_client()
    answer = client.get("/" + client.get("/api").headers["Location"].rpartition("localhost/")[2])
    assert answer.status_code == 200
    answer.close()


def test_a_page_that_is_reloaded_before_its_first_answer_finds_it(environment):
    environment(LLM_BASE_URL="http://127.0.0.1:9")
    client = create_app().test_client(use_cookies=False)
    page = client.get("/")
    cookie = {"Cookie": page.headers["Set-Cookie"].partition(";")[0]}  # that of no answer
    page.close()
    question = {"model": "counter", "prompt": "Count.", "stream": True}
    with client.post("/v1/chat/completions", json=question, headers=cookie) as answer:
        next(answer.response)
        listed = client.get("/v1/chat/streams", headers=cookie).get_json()["data"]
        assert [each["id"] for each in listed] == [answer.headers["X-Stream-ID"]]
        client.delete(f"/v1/chat/streams/{listed[0]['id']}", headers=cookie)


def test_the_environment_points_at_another_server(environment):
    with Upstream(tokens("x")) as upstream:
        environment(LLM_BASE_URL=upstream.url, LLM_API_KEY="sk-12345", LLM_MODEL="big-one")
        app = create_app()
        assert models(app) == ["big-one", "weather", "counter"]
        with app.test_client().post("/v1/chat/completions", json={"prompt": "Hi"}) as answer:
            answer.get_data()
        asked = upstream.requests[0]
    assert asked.headers["Authorization"] == "Bearer sk-12345"
    assert (asked.path, asked.json["model"]) == ("/v1/chat/completions", "big-one")


def test_a_page_is_told_what_each_model_is(environment, local, monkeypatch):
    monkeypatch.setattr(model, "is_installed", lambda: True)
    monkeypatch.setattr(model, "LocalModel", Idle)
    assert described(create_app()) == [
        {"id": model.NAME, "kind": "chat", "max_tokens": model.MAX_TOKENS},
        {"id": "weather", "kind": "tools", "max_tokens": None},
        {"id": "counter", "kind": "counter", "max_tokens": None},
    ]


def test_another_server_decides_itself_where_an_answer_ends(environment):
    environment(LLM_BASE_URL="http://127.0.0.1:9/v1", LLM_MODEL="big-one")
    big_one, *_ = described(create_app())
    assert big_one == {"id": "big-one", "kind": "chat", "max_tokens": None}


def test_another_server_may_have_a_counter_of_its_own(environment):
    environment(LLM_BASE_URL="http://127.0.0.1:9/v1", LLM_MODEL="counter")
    assert [entry["kind"] for entry in described(create_app())] == ["chat", "tools"]


def test_without_a_model_there_is_the_counter_and_a_hint(environment, monkeypatch, caplog):
    monkeypatch.setattr(model, "is_installed", lambda: False)
    assert models(create_app()) == ["counter"]
    assert "pip install" in caplog.text


def children():
    """The child processes that are not waited for yet."""
    tasks = Path("/proc/self/task").glob("*/children")
    return [pid for task in tasks for pid in task.read_text().split()]


def test_the_model_is_loaded_when_somebody_comes_and_not_before(environment, local, monkeypatch):
    monkeypatch.setattr(model, "is_installed", lambda: True)
    one = local(child())
    monkeypatch.setattr(model, "LocalModel", lambda: one)
    app = create_app()
    assert children() == []
    for _ in range(3):
        app.test_client().get("/v1/models")
        assert len(children()) == 1


@pytest.fixture
def client(environment):
    environment(LLM_BASE_URL="http://127.0.0.1:9/v1")
    return create_app().test_client()


def test_the_page_and_its_assets_are_served(client):
    page = client.get("/")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    for path in ("/static/page.css", "/static/page.js", "/v1/llmstream.js"):
        asset = client.get(path)
        assert asset.status_code == 200 and asset.data
        asset.close()
    page.close()


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/v1/models", "/nowhere"])
def test_everything_has_the_strict_headers(client, path):
    with client.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
