"""A stream that is kept belongs to one owner: it is another's for everybody else, who gets 404."""

from __future__ import annotations

import uuid
from importlib.util import find_spec

import pytest
from flask import session

from flask_llmstream import CallableProvider, LLMStream
from tests.conftest import needs
from tests.support.answers import Answer
from tests.support.sources import Waiting

STREAMS, COMPLETIONS = "/v1/chat/streams", "/v1/chat/completions"
HELLO = {"prompt": "Hello"}


@pytest.fixture
def sources():
    """What the model answers."""
    return []


@pytest.fixture
def streams(sources):
    model = CallableProvider(lambda request: iter(sources[0] if sources else ["one", "two"]))
    return LLMStream(providers={"model": model})


@pytest.fixture
def make_site(make_app, streams):
    """An app whose ``/begin`` begins a session, and ``/end`` ends it."""

    def make(**config):
        app = make_app(LLMSTREAM_RECONNECT="resume", LLMSTREAM_CHAT_HOLD=0, **config)
        app.add_url_rule("/begin", "begin", lambda: session.update(cart="full") or "begun")
        app.add_url_rule("/end", "end", lambda: session.clear() or "ended")
        return app

    return make


@pytest.fixture
def site(make_site):
    return make_site()


def visitor(app):
    """The client of a new session."""
    client = app.test_client()
    client.get("/begin")
    return client


def start(client, **headers):
    """The ID of a new stream, which has ended."""
    with client.post(COMPLETIONS, json=HELLO, headers=headers) as answer:
        assert b'"two"' in answer.data
    return answer.headers["X-Stream-ID"]


def reads(client, stream_id, **headers):
    """The status of a read, of a stop and of a ticket, where these agree."""
    path = f"{STREAMS}/{stream_id}"
    statuses = [client.open(path, method=method, headers=headers).status_code
                for method in ("GET", "DELETE")]  # fmt: skip
    statuses.append(client.post(f"{path}/tickets", headers=headers).status_code)
    assert statuses in ([200, 204, 200], [404] * 3), statuses
    return statuses[0]


# Sessions.


def test_the_stream_of_a_session_is_its_own(site):
    ada, eve = visitor(site), visitor(site)
    stream_id = start(ada)
    assert reads(ada, stream_id) == 200
    assert reads(eve, stream_id) == 404
    assert reads(site.test_client(), stream_id) == 404


def test_a_client_without_a_session_gets_none_and_its_id_is_the_right(site):
    client = site.test_client()
    answer = client.post(COMPLETIONS, json=HELLO)
    assert "Set-Cookie" not in answer.headers
    stream_id = answer.headers["X-Stream-ID"]
    answer.close()
    assert reads(client, stream_id) == reads(site.test_client(), stream_id) == 200
    assert reads(visitor(site), stream_id) == 200


def test_a_session_that_begins_with_the_stream_owns_nothing_yet(site):
    """The client may keep no cookies, and would lose its stream."""
    site.before_request(lambda: session.setdefault("visits", 1) and None)
    assert reads(site.test_client(), start(site.test_client())) == 200


def test_a_session_that_is_cleared_owns_nothing_any_more(site):
    client = visitor(site)
    stream_id = start(client)
    client.get("/end")
    assert reads(client, stream_id) == 404
    client.get("/begin")
    assert reads(client, stream_id) == 404


def test_a_session_owns_all_its_streams(site):
    client = visitor(site)
    assert [reads(client, start(client)) for _ in range(3)] == [200] * 3


def test_a_forged_cookie_is_no_session(site):
    stream_id = start(visitor(site))
    assert reads(site.test_client(), stream_id, Cookie="session=junk") == 404


def test_nothing_is_written_into_a_session_that_only_reads(site):
    stream_id, reader = start(site.test_client()), visitor(site)
    with reader.get(f"{STREAMS}/{stream_id}") as answer:
        assert "Set-Cookie" not in answer.headers
    with reader.get(STREAMS) as answer:
        assert "Set-Cookie" not in answer.headers


def test_nothing_is_written_where_nothing_is_kept(make_app):
    app = make_app()
    app.add_url_rule("/begin", "begin", lambda: session.update(cart="full") or "begun")
    with visitor(app).post(COMPLETIONS, json=HELLO) as answer:
        assert "Set-Cookie" not in answer.headers


class ServerSideSession(dict):
    """As Flask-Session's: it is known by its ID."""

    modified = accessed = permanent = new = False

    def __init__(self, sid, values):
        super().__init__(values)
        self.sid = sid


def server_side(interface, cookies):
    class Interface(type(interface)):
        def open_session(self, app, request):
            sid = request.cookies.get("session") or uuid.uuid4().hex
            return ServerSideSession(sid, cookies.get(sid, {}))

        def save_session(self, app, session, response):
            cookies[session.sid] = dict(session)
            if session:
                response.set_cookie("session", session.sid)

    return Interface()


def test_a_session_on_the_server_is_known_by_its_id(site):
    kept = {}
    site.session_interface = server_side(site.session_interface, kept)
    ada, eve = visitor(site), visitor(site)
    stream_id = start(ada)
    assert reads(ada, stream_id) == 200
    assert reads(eve, stream_id) == reads(site.test_client(), stream_id) == 404
    assert {"cart": "full"} in kept.values()


# LLMSTREAM_OWNER.


def named(request):
    return request.headers.get("X-User")


@pytest.mark.parametrize("config", [{}, {"SECRET_KEY": None}], ids=["signed", "without a key"])
def test_the_application_says_who_owns_it(make_site, config):
    client = make_site(LLMSTREAM_OWNER=named, **config).test_client()
    path = f"{STREAMS}/{start(client, **{'X-User': 'ada'})}"
    for headers, statuses in (
        ({"X-User": "ada"}, (200, 204)),
        ({"X-User": "eve"}, (404, 404)),
        ({"X-User": "ADA"}, (404, 404)),
        ({"X-User": ""}, (404, 404)),
        ({}, (404, 404)),
    ):
        got = [client.open(path, method=each, headers=headers) for each in ("GET", "DELETE")]
        assert tuple(each.status_code for each in got) == statuses


def test_who_is_nobody_to_it_owns_by_the_id(make_site):
    client = make_site(LLMSTREAM_OWNER=named).test_client()
    stream_id = start(client)
    assert reads(client, stream_id) == reads(client, stream_id, **{"X-User": "eve"}) == 200


def test_it_may_be_async(make_site):
    async def owner(request):
        return named(request)

    client = make_site(LLMSTREAM_OWNER=owner).test_client()
    stream_id = start(client, **{"X-User": "ada"})
    assert reads(client, stream_id, **{"X-User": "ada"}) == 200
    assert reads(client, stream_id, **{"X-User": "eve"}) == 404


@pytest.mark.parametrize(
    "value, other",
    [
        (7, 8), (-1, 1), (0, 1), ("\u00e9", "e"), ("\ud800", "x"), (b"\xff", b"\xfe"),
        ("x" * 100_000, "x" * 99_999), (uuid.UUID(int=1), uuid.UUID(int=2)), ("a:b", "a"),
    ],
    ids=lambda value: repr(value)[:12],
)  # fmt: skip
def test_an_owner_is_a_text_bytes_a_number_or_a_uuid(make_site, value, other):
    owner = [value]
    client = make_site(LLMSTREAM_OWNER=lambda request: owner[0]).test_client()
    stream_id = start(client)
    assert reads(client, stream_id) == 200
    owner[0] = other
    assert reads(client, stream_id) == 404


@pytest.mark.parametrize(
    "value",
    [object(), True, 1.5, ["a"], {"a": 1}, ("a",), lambda: 1],
    ids=lambda each: type(each).__name__,
)
def test_what_can_not_tell_one_from_another_is_an_error_that_says_so(make_site, caplog, value):
    client = make_site(LLMSTREAM_OWNER=lambda request: value).test_client()
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    for method, path in (("POST", COMPLETIONS), ("GET", f"{STREAMS}/{'a' * 32}"), ("GET", STREAMS)):
        answer = client.open(path, method=method, json=HELLO if method == "POST" else None)
        assert answer.status_code == 500
        assert answer.get_json()["error"]["code"] == "internal"
    assert "LLMSTREAM_OWNER: has to return the owner's ID" in caplog.text


def test_a_function_that_fails_fails_the_request(make_site):
    def owner(request):
        raise LookupError("the directory is gone")

    client = make_site(LLMSTREAM_OWNER=owner, PROPAGATE_EXCEPTIONS=False).test_client()
    for path in (STREAMS, f"{STREAMS}/{'a' * 32}"):
        assert client.get(path).status_code == 500
    assert client.post(COMPLETIONS, json=HELLO).status_code == 500


def test_it_is_not_asked_where_nothing_is_kept(make_app):
    asked = []
    client = make_app(LLMSTREAM_OWNER=asked.append).test_client()
    with client.post(COMPLETIONS, json=HELLO) as answer:
        assert answer.status_code == 200
    assert asked == []


# Flask-Login.


@pytest.fixture
def accounts(site):
    needs("Flask-Login", find_spec("flask_login"))
    from flask_login import LoginManager, UserMixin, login_user, logout_user

    class User(UserMixin):
        def __init__(self, name):
            self.id = name

    manager = LoginManager(site)
    manager.user_loader(User)
    manager.request_loader(lambda request: User(named(request)) if named(request) else None)
    site.add_url_rule("/in/<name>", "in", lambda name: login_user(User(name)) and name)
    site.add_url_rule("/out", "out", lambda: logout_user() and "out")
    return site


def logged_in(app, name):
    client = app.test_client()
    client.get(f"/in/{name}")
    return client


def test_the_stream_of_a_user_is_theirs_on_every_device(accounts):
    ada = logged_in(accounts, "ada")
    stream_id = start(ada)
    assert reads(ada, stream_id) == reads(logged_in(accounts, "ada"), stream_id) == 200
    assert reads(logged_in(accounts, "eve"), stream_id) == 404
    assert reads(accounts.test_client(), stream_id) == 404
    ada.get("/out")
    assert reads(ada, stream_id) == 404


def test_a_user_without_a_session_is_known_too(accounts):
    client = accounts.test_client()
    stream_id = start(client, **{"X-User": "ada"})
    assert reads(logged_in(accounts, "ada"), stream_id) == 200
    assert reads(client, stream_id, **{"X-User": "eve"}) == 404


def test_users_without_an_id_are_not_one_user(accounts):
    class Token:
        is_authenticated = True

        def get_id(self):
            return None

    accounts.login_manager.request_loader(lambda request: Token())
    ada, eve = visitor(accounts), visitor(accounts)
    stream_id = start(ada)
    assert (reads(ada, stream_id), reads(eve, stream_id)) == (200, 404)


def test_who_logs_in_keeps_what_the_session_has_begun(accounts):
    client = visitor(accounts)
    stream_id = start(client)
    client.get("/in/ada")
    assert reads(client, stream_id) == 200
    assert reads(logged_in(accounts, "ada"), stream_id) == 404


def test_what_nobody_has_begun_stays_open_to_its_id(accounts):
    stream_id = start(accounts.test_client())
    assert reads(logged_in(accounts, "ada"), stream_id) == 200


# Lists.


@pytest.fixture
def held(place, sources):
    source = Waiting(place)
    sources.append(source)
    yield source
    source.go_on.set()


def listed(client, **headers):
    return client.get(STREAMS, headers=headers).get_json()["data"]


def test_the_list_has_the_owners_streams_that_run(place, make_site, held):
    app = make_site(LLMSTREAM_OWNER=named)
    client, ada = app.test_client(), {"X-User": "ada"}
    assert listed(client, **ada) == []
    with Answer(app, COMPLETIONS, method="POST", json=HELLO, headers=ada) as answer:
        answer.block()
        held.waits.wait()
        (stream,) = listed(client, **ada)
        assert (stream.pop("created") > 0, stream) == (
            True,
            {"id": answer.headers["X-Stream-ID"], "object": "chat.stream", "model": "model"},
        )
        assert listed(client) == listed(client, **{"X-User": "eve"}) == []
        held.go_on.set()
        answer.rest()
    assert listed(client, **ada) == []


def test_the_stream_of_ones_own_view_is_listed_without_a_model(place, make_site, streams, held):
    app = make_site(LLMSTREAM_OWNER=named)
    app.add_url_rule("/mine", "mine", lambda: streams.response(held))
    with Answer(app, "/mine", headers={"X-User": "ada"}) as answer:
        answer.block()
        held.waits.wait()
        (stream,) = listed(app.test_client(), **{"X-User": "ada"})
        assert "model" not in stream
        held.go_on.set()
        answer.rest()


# Keys.


def test_a_rotated_key_signs_new_ids_and_knows_the_old_ones(make_site):
    app = make_site(LLMSTREAM_OWNER=named)
    client, ada = app.test_client(), {"X-User": "ada"}
    stream_id = start(client, **ada)
    app.config.update(SECRET_KEY=b"another", SECRET_KEY_FALLBACKS=["of no use"])
    assert reads(client, stream_id, **ada) == 200
    assert reads(client, stream_id, **{"X-User": "eve"}) == 404
    new = start(client, **ada)
    app.config["SECRET_KEY_FALLBACKS"] = []
    assert reads(client, stream_id, **ada) == 404
    assert reads(client, new, **ada) == 200


def test_a_fallback_that_is_no_list_is_one_key(make_site):
    app = make_site()
    client = app.test_client()
    stream_id = start(client)
    app.config.update(SECRET_KEY="another", SECRET_KEY_FALLBACKS="of no use")
    assert reads(client, stream_id) == 200


def test_each_bit_of_an_id_counts(site):
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    client = site.test_client()
    raw = urlsafe_b64decode(start(client))
    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert client.get(f"{STREAMS}/{urlsafe_b64encode(changed).decode()}").status_code == 404


# In one's own views, and without a request.


def test_attach_and_stop_check_the_owner_in_a_view(make_site, streams):
    app = make_site(LLMSTREAM_OWNER=named)
    app.add_url_rule("/log/<stream_id>", "log", lambda stream_id: streams.attach(stream_id))
    app.add_url_rule("/stop/<stream_id>", "stop", lambda stream_id: streams.stop(stream_id) or "")
    client, ada = app.test_client(), {"X-User": "ada"}
    stream_id = start(client, **ada)
    for way in ("log", "stop"):
        assert client.get(f"/{way}/{stream_id}", headers=ada).status_code == 200
        assert client.get(f"/{way}/{stream_id}").status_code == 404
        assert client.get(f"/{way}/junk").status_code == 404


def test_a_view_that_comes_back_to_anothers_stream_gets_404(make_site, streams):
    app = make_site(LLMSTREAM_OWNER=named)
    app.add_url_rule("/", "view", lambda: streams.response(["one", "two"]))
    client, ada = app.test_client(), {"X-User": "ada"}
    with client.get("/", headers=ada) as answer:
        last = {"Last-Event-ID": f"{answer.headers['X-Stream-ID']}:1"}
    with client.get("/", headers={**ada, **last}) as rest:
        assert (rest.status_code, b'"one"' in rest.data) == (200, False)
    with client.get("/", headers=last) as refused:
        assert refused.status_code == 404


def test_without_a_request_there_is_nobody_to_check(make_site, streams):
    app = make_site(LLMSTREAM_OWNER=named)
    stream_id = start(app.test_client(), **{"X-User": "ada"})
    with app.app_context():
        streams.stop(stream_id)


# Streams that begin elsewhere.


@pytest.fixture
def orders(make_site, streams):
    """A site whose ``/order`` orders a stream."""
    app = make_site(LLMSTREAM_OWNER=named)
    app.add_url_rule("/order", "order", lambda: streams.new_stream_id())
    return app


def test_a_stream_that_is_to_begin_elsewhere_has_an_owner(orders, streams):
    client, ada = orders.test_client(), {"X-User": "ada"}
    stream_id = client.get("/order", headers=ada).get_data(as_text=True)
    for method in ("GET", "DELETE"):
        assert client.open(f"{STREAMS}/{stream_id}", method=method).status_code == 404
    with Answer(orders, f"{STREAMS}/{stream_id}", headers=ada) as reader:
        assert reader.block()
        with orders.app_context(), streams.producer(stream_id) as emitter:
            (listing,) = listed(client, **ada)
            assert (listing["id"], listed(client)) == (stream_id, [])
            emitter.send("one")
        assert b'"one"' in reader.rest()


def test_its_owner_may_stop_it_before_it_begins(orders):
    client, ada = orders.test_client(), {"X-User": "ada"}
    stream_id = client.get("/order", headers=ada).get_data(as_text=True)
    assert client.delete(f"{STREAMS}/{stream_id}", headers=ada).status_code == 204
    with Answer(orders, f"{STREAMS}/{stream_id}", headers=ada) as reader:
        assert b'"reason":"cancelled"' in reader.rest()
