"""``Idempotency-Key``: a POST that is sent again gets the answer that the first one has begun."""

from __future__ import annotations

import threading

import pytest
from flask import session

from flask_llmstream import LLMStream, Provider, ProviderError
from flask_llmstream.errors import ReplayUnavailable
from flask_llmstream.protocols import PROTOCOLS
from flask_llmstream.replay.memory import MemoryStorage
from tests.protocols.spoken import WAYS
from tests.support.answers import Answer, cookies_of
from tests.support.runtimes import HANG_GUARD
from tests.support.sources import Waiting

COMPLETIONS = "/v1/chat/completions"
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
HELLO = {"prompt": "Hello"}


class Counted(Provider):
    """Counts its answers, and gives what the test says."""

    def __init__(self):
        self.runs = 0
        self.answer = lambda: ["one", "two"]

    def stream(self, request):
        self.runs += 1
        return iter(self.answer())


@pytest.fixture
def model():
    return Counted()


@pytest.fixture
def streams(model):
    return LLMStream(providers={"model": model})


@pytest.fixture
def make_site(make_app):
    def make(**config):
        app = make_app(**{"LLMSTREAM_RECONNECT": "resume", **config})
        app.add_url_rule("/begin", "begin", lambda: session.update(cart="full") or "begun")
        return app

    return make


@pytest.fixture
def client(make_site):
    return make_site().test_client()


def post(client, key=KEY, json=HELLO, path=COMPLETIONS, **headers):
    """An answer to a POST with this key, read to its end."""
    sent = {**headers, **({} if key is None else {"Idempotency-Key": key})}
    answer = client.post(path, json=json, headers=sent)
    answer.get_data()
    answer.close()
    return answer


def words(answer):
    return [word for word in ("one", "two") if f'"{word}"'.encode() in answer.data]


@pytest.mark.parametrize(
    "protocol",
    [each for each in PROTOCOLS if each.method == "POST"],
    ids=lambda protocol: protocol.name,
)
def test_each_protocol_gives_the_first_answer_again(client, model, protocol):
    sent = {"json": WAYS[protocol.name].ask("Hello"), "path": f"/v1{protocol.rule}"}
    first, second = post(client, **sent), post(client, **sent)
    assert (second.status_code, second.data) == (200, first.data)
    assert second.headers["X-Stream-ID"] == first.headers["X-Stream-ID"]
    assert model.runs == 1


def test_without_a_key_each_request_is_answered_anew(client, model):
    assert post(client, None).data != post(client, None).data
    assert model.runs == 2


def test_another_key_is_another_request(client, model):
    post(client)
    assert words(post(client, KEY[:-1])) == ["one", "two"]
    assert model.runs == 2


def test_where_nothing_is_kept_a_key_means_nothing(make_site, model):
    client = make_site(LLMSTREAM_RECONNECT="refuse").test_client()
    assert [post(client, key).status_code for key in (KEY, KEY, "\u00e9", "")] == [200] * 4
    assert model.runs == 4


def test_an_answer_that_is_not_kept_is_made_anew(client, model):
    whole = {"messages": [{"role": "user", "content": "Hello"}]}
    assert [post(client, json=whole).status_code for _ in range(2)] == [200, 200]
    assert model.runs == 2


def test_a_get_has_no_key(client, model):
    for _ in range(2):
        with client.get("/v1/chat/stream?prompt=Hello", headers={"Idempotency-Key": KEY}) as answer:
            assert answer.status_code == 200
    assert model.runs == 2


# The same key for something else.


@pytest.mark.parametrize(
    "other", [{"json": {"prompt": "Hello "}}, {"path": f"{COMPLETIONS}?format=text"}], ids=str
)
def test_the_same_key_with_another_request_is_422(client, model, other):
    first = post(client)
    again = post(client, **other)
    assert again.status_code == 422
    error = again.get_json()["error"]
    assert (error["code"], error["param"]) == ("idempotency_key_reused", "Idempotency-Key")
    assert post(client).data == first.data
    assert model.runs == 1


def test_another_endpoint_has_keys_of_its_own(client, model):
    post(client)
    post(client, json={"prompt": "Hello", "stream": True}, path="/v1/completions")
    assert model.runs == 2


def test_what_can_t_be_a_key_is_refused(client, model):
    for key in ("", '"', '""', " ", "a" * 256, "\u00e9" * 16, "a\tb" * 9):
        answer = post(client, key)
        assert answer.status_code == 400, key
        assert answer.get_json()["error"]["param"] == "Idempotency-Key"
    assert model.runs == 0


def test_a_key_may_be_quoted_as_the_draft_has_it(client, model):
    assert post(client, f'"{KEY}"').data == post(client, KEY).data
    assert model.runs == 1


# Whose key it is.


def test_a_key_is_its_owners(make_site, model):
    client = make_site(LLMSTREAM_OWNER=lambda request: request.headers["X-User"]).test_client()
    ada, eve = (post(client, "1", **{"X-User": name}) for name in ("ada", "eve"))
    assert ada.headers["X-Stream-ID"] != eve.headers["X-Stream-ID"]
    assert post(client, "1", **{"X-User": "ada"}).data == ada.data
    assert model.runs == 2


def test_a_session_has_keys_of_its_own(make_site, model):
    app = make_site()
    ada, eve = app.test_client(), app.test_client()
    for client in (ada, eve):
        client.get("/begin")
    first = post(ada, "1")
    assert post(eve, "1").data != first.data
    assert post(ada, "1").data == first.data
    assert model.runs == 2


def test_a_session_that_never_got_its_token_is_the_same_at_the_second_post(make_site, model):
    """The first answer was lost on the way, and with it the cookie that it set."""
    app = make_site()
    client = app.test_client(use_cookies=False)
    cookie = cookies_of(client.get("/begin"))
    first, second = (post(client, **cookie) for _ in range(2))
    assert second.data == first.data and model.runs == 1
    path = f"/v1/chat/streams/{first.headers['X-Stream-ID']}"
    with client.get(path, headers=cookies_of(second)) as again:
        assert again.data == first.data


@pytest.mark.parametrize("keys", [("1", "1"), (KEY, KEY[::-1]), (None, None)], ids=str)
def test_two_visitors_with_equal_cookies_own_no_stream_together(make_site, keys):
    """A cookie has the time in seconds: those of two visitors of one second may be equal."""
    app = make_site()
    client = app.test_client(use_cookies=False)
    cookie = cookies_of(client.get("/begin"))
    ada, eve = (post(client, key, **cookie) for key in keys)
    path = f"/v1/chat/streams/{ada.headers['X-Stream-ID']}"
    assert client.get(path, headers=cookies_of(eve)).status_code == 404


def test_without_an_owner_it_is_that_of_the_credentials(client, model):
    ada, eve = (post(client, "1", Authorization=f"Bearer {name}") for name in ("ada", "eve"))
    assert ada.headers["X-Stream-ID"] != eve.headers["X-Stream-ID"]
    assert post(client, "1", Authorization="Bearer ada").data == ada.data
    assert model.runs == 2


@pytest.mark.parametrize("key", ["1", "a" * 15, '"' + "a" * 15 + '"'])
def test_a_key_of_nobody_s_must_be_hard_to_guess(client, model, key):
    answer = post(client, key)
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, "Idempotency-Key")
    assert model.runs == 0


# While it runs.


def test_a_second_post_attaches_to_an_answer_that_runs(place, make_site, model):
    app, source = make_site(LLMSTREAM_CHAT_HOLD=0), Waiting(place)
    model.answer = lambda: source
    asked = {"method": "POST", "json": HELLO, "headers": {"Idempotency-Key": KEY}}
    with Answer(app, COMPLETIONS, **asked) as first:
        first.block()
        source.waits.wait()
        with Answer(app, COMPLETIONS, **asked) as second:
            while b'"one"' not in second.block():
                pass
            source.go_on.set()
            assert b'"two"' in second.rest()
        assert b'"two"' in first.rest()
    assert model.runs == 1


def test_of_many_posts_at_a_time_one_begins_and_all_get_its_answer(make_site, model):
    app, count = make_site(), 8
    together, bodies = threading.Barrier(count), []

    def ask():
        client = app.test_client()
        together.wait(HANG_GUARD)
        bodies.append(post(client).data)

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_GUARD)
    assert len(bodies) == count and len(set(bodies)) == 1
    assert model.runs == 1


def test_one_who_left_comes_back_with_the_same_post(place, make_site, model):
    app, source = make_site(LLMSTREAM_CHAT_HOLD=0), Waiting(place)
    model.answer = lambda: source
    asked = {"method": "POST", "json": HELLO, "headers": {"Idempotency-Key": KEY}}
    with Answer(app, COMPLETIONS, **asked) as first:
        first.block()
        source.waits.wait()
    source.go_on.set()
    with Answer(app, COMPLETIONS, **asked) as second:
        assert b'"two"' in second.rest()
    assert model.runs == 1


def test_a_storage_that_fails_meanwhile_leaves_no_reader_behind(place, make_site, model):
    """A stream with a reader would go on for nobody."""

    class Failing(MemoryStorage):
        def record(self, *args):
            self.recording = super().record(*args)
            return self.recording

        def read(self, stream_id):
            self.reading = super().read(stream_id)
            return self.reading

        def note(self, key):
            if self.reading is not None:
                raise ReplayUnavailable()
            return super().note(key)

    storage, source = Failing(), Waiting(place)
    storage.reading = None
    app = make_site(LLMSTREAM_CHAT_HOLD=0, LLMSTREAM_REPLAY_URL=storage)
    model.answer = lambda: source
    asked = {"method": "POST", "json": HELLO, "headers": {"Idempotency-Key": KEY}}
    with Answer(app, COMPLETIONS, **asked) as first:
        first.block()
        source.waits.wait()
    assert post(app.test_client()).status_code == 503
    assert storage.reading is not None
    assert not storage.recording.is_read()
    source.go_on.set()


def test_a_storage_that_fails_at_the_beginning_leaves_no_stream_behind(make_site, model):
    """Whoever found it would wait for its end for good."""

    class Failing(MemoryStorage):
        fails = True

        def set_note(self, key, value):
            if self.fails:
                raise ReplayUnavailable()
            super().set_note(key, value)

    storage = Failing()
    app = make_site(LLMSTREAM_REPLAY_URL=storage, LLMSTREAM_OWNER=lambda request: "ada")
    assert post(app.test_client()).status_code == 503
    assert app.test_client().get("/v1/chat/streams").get_json()["data"] == []
    storage.fails = False
    assert words(post(app.test_client())) == ["one", "two"]


# What frees a key.


def fails():
    raise ProviderError("The model is not there.", status=503)
    yield


def fails_late():
    yield "one"
    raise ProviderError("The model is gone.", status=503)


@pytest.mark.parametrize(
    "protocol",
    [each for each in PROTOCOLS if each.method == "POST"],
    ids=lambda protocol: protocol.name,
)
def test_a_start_that_fails_frees_its_key(client, model, protocol):
    sent = {"json": WAYS[protocol.name].ask("Hello"), "path": f"/v1{protocol.rule}"}
    good, model.answer = model.answer, fails
    assert post(client, **sent).status_code == 503
    model.answer = good
    answer = post(client, **sent)
    assert answer.status_code == 200 and b"two" in answer.data
    assert post(client, **sent).data == answer.data
    assert model.runs == 2


def test_a_request_that_is_refused_uses_no_key(client, model):
    assert post(client, json={"prompt": "Hello", "model": "nobody"}).status_code == 404
    assert post(client).status_code == 200
    assert model.runs == 1


def test_a_bug_of_the_model_s_frees_the_key(make_site, model):
    client = make_site(PROPAGATE_EXCEPTIONS=False).test_client()
    good, model.answer = model.answer, lambda: 1 // 0
    assert post(client).status_code == 500
    model.answer = good
    assert words(post(client)) == ["one", "two"]


def test_a_start_without_room_frees_the_key_at_once(place, make_site, model):
    app, source = make_site(LLMSTREAM_CHAT_HOLD=0, LLMSTREAM_MAX_STREAMS=1), Waiting(place)
    model.answer = lambda: source
    with Answer(app, COMPLETIONS, method="POST", json=HELLO) as other:
        other.block()
        source.waits.wait()
        assert post(app.test_client()).status_code == 503
        source.go_on.set()
        other.rest()
    model.answer = lambda: ["one", "two"]
    answer = post(app.test_client())
    assert words(answer) == ["one", "two"]
    assert answer.status_code == 200


def test_an_answer_that_fails_later_stays_the_answer(client, model):
    model.answer = fails_late
    first = post(client)
    assert (first.status_code, b"The model is gone." in first.data) == (200, True)
    assert post(client).data == first.data
    assert model.runs == 1


def test_an_answer_that_was_stopped_stays_stopped(place, make_site, model):
    app, source = make_site(LLMSTREAM_CHAT_HOLD=0), Waiting(place)
    model.answer = lambda: source
    asked = {"method": "POST", "json": HELLO, "headers": {"Idempotency-Key": KEY}}
    with Answer(app, COMPLETIONS, **asked) as first:
        first.block()
        source.waits.wait()
        path = f"/v1/chat/streams/{first.headers['X-Stream-ID']}"
        assert app.test_client().delete(path).status_code == 204
        source.go_on.set()
        first.rest()
    assert b'"reason":"cancelled"' in post(app.test_client()).data
    assert model.runs == 1


def test_an_answer_that_nobody_waited_for_is_made_anew(place, make_site, model, finished):
    leaving = {"LLMSTREAM_ON_LEAVE": "cancel", "LLMSTREAM_ON_FINISH": finished}
    app, source = make_site(LLMSTREAM_CHAT_HOLD=0, **leaving), Waiting(place)
    model.answer = lambda: source
    asked = {"method": "POST", "json": HELLO, "headers": {"Idempotency-Key": KEY}}
    with Answer(app, COMPLETIONS, **asked) as first:
        first.block()
        source.waits.wait()
    if not place.interrupts:
        source.go_on.set()
    assert finished.summary().reason == "disconnect"
    model.answer = lambda: ["one", "two"]
    assert words(post(app.test_client())) == ["one", "two"]


def test_an_answer_that_is_kept_no_more_is_not_paid_twice(make_site, model):
    client = make_site(LLMSTREAM_REPLAY_MAX_STREAMS=1).test_client()
    post(client)
    post(client, KEY[:-1])
    answer = post(client)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (410, "expired")
    assert model.runs == 2


def test_a_post_that_was_never_read_is_no_answer(make_site, model, monkeypatch):
    monkeypatch.setattr("flask_llmstream.app.idempotency.BEGIN_SECONDS", 0)
    app = make_site()
    asked = {"method": "POST", "json": HELLO, "headers": {"Idempotency-Key": KEY}}
    Answer(app, COMPLETIONS, **asked).close()
    assert words(post(app.test_client())) == ["one", "two"]


def test_a_worker_that_is_lost_before_the_beginning_is_followed_by_the_next(
    make_site, model, monkeypatch
):
    """Its response is dropped, and closed by nobody."""
    monkeypatch.setattr("flask_llmstream.app.idempotency.BEGIN_SECONDS", 0)
    app = make_site()
    with app.test_request_context(
        COMPLETIONS, method="POST", json=HELLO, headers={"Idempotency-Key": KEY}
    ):
        lost = app.full_dispatch_request()
    answer = post(app.test_client())
    assert words(answer) == ["one", "two"]
    assert answer.headers["X-Stream-ID"] == lost.headers["X-Stream-ID"]
    lost.close()
    assert post(app.test_client()).data == answer.data
