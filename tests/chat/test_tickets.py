"""A ticket is a right to read one stream for a short time, for a reader that can't send headers."""

from __future__ import annotations

import pytest
from flask import abort, request

from flask_llmstream import CallableProvider, ConfigurationError, LLMStream
from flask_llmstream.app.tickets import check_ticket, new_ticket
from flask_llmstream.errors import StreamGone, UnknownStream

STREAMS, COMPLETIONS = "/v1/chat/streams", "/v1/chat/completions"
ADA, EVE = {"Authorization": "Bearer ada"}, {"Authorization": "Bearer eve"}


def owner(request):
    return request.headers.get("Authorization")


def guard():
    if "Authorization" not in request.headers:
        abort(401)


@pytest.fixture
def streams():
    model = CallableProvider(lambda request: ["one", "two"])
    return LLMStream(providers={"model": model}, guard=guard)


@pytest.fixture
def app(make_app, streams):
    app = make_app(LLMSTREAM_RECONNECT="resume", LLMSTREAM_OWNER=owner)
    app.add_url_rule("/ticket/<stream_id>", "ticket", lambda stream_id: streams.ticket(stream_id))
    app.add_url_rule("/log/<stream_id>", "log", lambda stream_id: streams.attach(stream_id))
    return app


@pytest.fixture
def stream_id(client):
    with client.post(COMPLETIONS, json={"prompt": "Hello"}, headers=ADA) as answer:
        assert answer.data
    return answer.headers["X-Stream-ID"]


@pytest.fixture
def ask(client):
    """Ask for a ticket."""

    def ask(stream_id, headers=ADA, **more):
        return client.post(f"{STREAMS}/{stream_id}/tickets", headers=headers, **more)

    return ask


def read(client, stream_id, ticket=None, headers=None, **query):
    """The status of a read, and the code of its error."""
    if ticket is not None:
        query["ticket"] = ticket
    with client.get(f"{STREAMS}/{stream_id}", query_string=query, headers=headers) as answer:
        error = answer.get_json()["error"]["code"] if answer.is_json else None
    return answer.status_code, error


def test_a_client_with_a_header_gets_one_for_a_reader_without(client, stream_id, ask):
    answer = ask(stream_id)
    ticket = answer.get_json()["ticket"]
    assert answer.get_json() == {
        "object": "chat.stream.ticket", "ticket": ticket, "expires_in": 60,
    }  # fmt: skip
    assert answer.headers["Cache-Control"] == "no-store"
    assert read(client, stream_id)[0] == 401
    assert read(client, stream_id, ticket) == (200, None)


def test_it_is_for_one_stream(client, stream_id, ask):
    with client.post(COMPLETIONS, json={"prompt": "Hello"}, headers=ADA) as answer:
        other = answer.headers["X-Stream-ID"]
    ticket = ask(stream_id).get_json()["ticket"]
    assert read(client, other, ticket)[0] == 401
    assert read(client, other, ticket, EVE) == (404, "unknown_stream")


def test_it_reads_and_does_nothing_else(client, stream_id, ask):
    query = {"ticket": ask(stream_id).get_json()["ticket"]}
    path = f"{STREAMS}/{stream_id}"
    assert client.delete(path, query_string=query).status_code == 401
    assert client.delete(path, query_string=query, headers=EVE).status_code == 404
    assert client.post(f"{path}/tickets", query_string=query).status_code == 401
    assert client.post(f"{path}/tickets", query_string=query, headers=EVE).status_code == 404
    assert client.get(STREAMS, query_string=query).status_code == 401
    assert client.get("/v1/models", query_string=query).status_code == 401
    assert client.get("/v1/chat/stream", query_string=query).status_code == 401


def test_its_reader_may_come_back(client, stream_id, ask):
    query = {"ticket": ask(stream_id).get_json()["ticket"], "lastEventId": f"{stream_id}:1"}
    with client.get(f"{STREAMS}/{stream_id}", query_string=query) as answer:
        assert b'"two"' in answer.data and b'"one"' not in answer.data


def test_no_other_gets_one(ask, stream_id):
    assert ask(stream_id, EVE).status_code == 404
    assert ask("a" * 32).status_code == 404
    assert ask("junk").status_code == 404


def test_a_page_of_another_site_gets_none(ask, stream_id):
    other = {**ADA, "Origin": "https://other.example", "Sec-Fetch-Site": "cross-site"}
    assert ask(stream_id, other).status_code == 403


@pytest.mark.parametrize("seconds, told", [(1, 1), (86_400, 86_400), (None, 60)])
def test_a_client_says_how_long_it_is_good(ask, stream_id, seconds, told):
    assert ask(stream_id, json={"seconds": seconds}).get_json()["expires_in"] == told


@pytest.mark.parametrize("seconds", [0, -1, 86_401, 1.5, "60", True, [60], 10**400], ids=str)
def test_any_other_time_is_refused(ask, stream_id, seconds):
    answer = ask(stream_id, json={"seconds": seconds})
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, "seconds")


@pytest.mark.parametrize(
    "body", [{"data": b"[1]", "content_type": "application/json"}, {"data": b"seconds=60"}]
)
def test_a_body_that_is_no_object_is_refused(ask, stream_id, body):
    assert ask(stream_id, **body).status_code in (400, 415)


def altered(ticket):
    """Tickets that are not quite this one."""
    until, signature = ticket.split(".")
    yield from ("", "x", ".", ticket[:-1], ticket + "x", f"{until}.", f".{signature}", ticket * 99)
    yield from (f"f{until}.{signature}", f"{until}.{signature.swapcase()}", ticket + "\u00e9")
    yield from (f"{until}.{signature}.{signature}", f"{until}0.{signature}", f"0x{ticket}")
    # A lenient decoder of base64 passes over all of these, each at another length.
    yield from (ticket + more for more in ("=", "?", "????", "+", " ", "\n", "=" + signature))
    yield from (f"{until}.{signature[:5]}{more}{signature[5:]}" for more in ("!!!!", "\u00e9" * 4))
    yield ticket[:-1] + chr(ord(ticket[-1]) + 1)  # whose last bits are of no signature


def test_an_altered_one_is_none(client, stream_id, ask):
    for ticket in altered(ask(stream_id).get_json()["ticket"]):
        assert read(client, stream_id, ticket, EVE) == (404, "unknown_stream"), ticket
        assert read(client, stream_id, ticket)[0] == 401, ticket


def test_its_owner_needs_none_and_a_wrong_one_is_no_harm(client, stream_id):
    assert read(client, stream_id, "junk", ADA) == (200, None)


def test_it_expires(app, stream_id):
    ticket = new_ticket(app, stream_id, 60, clock=lambda: 1000.0)
    check_ticket(app, stream_id, ticket, clock=lambda: 1059.9)
    with pytest.raises(StreamGone) as gone:
        check_ticket(app, stream_id, ticket, clock=lambda: 1060.0)
    assert (gone.value.status, gone.value.code) == (410, "ticket_expired")


def test_an_expired_one_is_told_where_the_guard_lets_it_pass(app, client, stream_id):
    ticket = new_ticket(app, stream_id, 60, clock=lambda: 1000.0)
    assert read(client, stream_id, ticket)[0] == 401
    assert read(client, stream_id, ticket, EVE) == (410, "ticket_expired")
    assert read(client, stream_id, ticket, ADA) == (200, None)


def test_a_rotated_key_keeps_it_good(app, client, stream_id, ask):
    ticket = ask(stream_id).get_json()["ticket"]
    app.config.update(SECRET_KEY="another", SECRET_KEY_FALLBACKS=["of no use"])
    assert read(client, stream_id, ticket) == (200, None)
    app.config["SECRET_KEY_FALLBACKS"] = []
    with pytest.raises(UnknownStream):
        check_ticket(app, stream_id, ticket)


def test_without_a_secret_key_there_are_none(make_app, streams):
    app = make_app(LLMSTREAM_RECONNECT="resume", SECRET_KEY=None)
    answer = app.test_client().post(f"{STREAMS}/{'a' * 32}/tickets", headers=ADA)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "no_tickets")
    with app.app_context(), pytest.raises(ConfigurationError, match="SECRET_KEY"):
        streams.ticket("a" * 32)


def test_no_line_of_ours_has_it(client, stream_id, ask, caplog):
    caplog.set_level("DEBUG")
    ticket = ask(stream_id).get_json()["ticket"]
    read(client, stream_id, ticket)
    read(client, "b" * 32, ticket, EVE)
    assert caplog.messages and ticket not in caplog.text


# In one's own views.


def test_a_view_makes_one_and_attach_takes_it(client, stream_id):
    ticket = client.get(f"/ticket/{stream_id}", headers=ADA).get_data(as_text=True)
    assert client.get(f"/ticket/{stream_id}", headers=EVE).status_code == 404
    assert client.get(f"/log/{stream_id}").status_code == 404
    with client.get(f"/log/{stream_id}?ticket={ticket}") as answer:
        assert b'"two"' in answer.data


@pytest.mark.parametrize("seconds", [-1, "60", None, float("nan"), float("inf")], ids=str)
def test_a_view_that_names_no_time_is_told(app, streams, seconds):
    with app.app_context(), pytest.raises(ConfigurationError, match="^seconds: "):
        streams.ticket("a" * 32, seconds)
