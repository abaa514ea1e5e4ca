"""The session of the caller's: all that it has is used, and it is left as it was."""

from __future__ import annotations

import socket
import threading

import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPDigestAuth
from urllib3 import HTTPConnectionPool, Retry
from urllib3.connection import HTTPConnection

from flask_llmstream import ConnectionFailed, ServerFailure, StreamStalled, StreamTruncated
from flask_llmstream.client.event_source import EventSource
from tests.client.canned import Canned, session_of
from tests.client.kept_server import AT_ONCE, KeptAnswer, frames_of
from tests.http.conftest import certificate  # noqa: F401
from tests.support.certificates import Certificate
from tests.support.upstream import HANG_GUARD, Upstream, answer, silence_after, tokens


@pytest.fixture
def session():
    with requests.Session() as session:
        yield session


def redirect(status, to):
    return answer(status, location=to)


def by_path(**scripts):
    """A script for each path below ``/v1``; ``root`` for that itself."""
    return lambda exchange: scripts[exchange.path.rpartition("/v1")[2].lstrip("/") or "root"](
        exchange
    )


def ends_at_once(source):
    """Whether a reader that waits for its second event ends when another thread closes it."""
    next(source)
    closing = threading.Timer(0, source.close)
    closing.start()
    rest = list(source)
    closing.join()
    return rest == []


def test_its_headers_auth_and_query(session):
    session.headers["X-User"] = "ada"
    session.auth = ("ada", "secret")
    session.params = {"a": "b"}
    with Upstream(tokens("one")) as upstream:
        with EventSource(upstream.url, session=session, params={"c": "d"}) as source:
            list(source)
    (request,) = upstream.requests
    assert request.headers["X-User"] == "ada"
    assert request.headers["Authorization"].startswith("Basic ")
    assert request.path == "/v1?a=b&c=d"


def test_its_auth_comes_back_with_the_reader(session):
    session.auth = ("ada", "secret")
    with Upstream(KeptAnswer(frames_of(["one"]), [0])) as upstream:
        with EventSource(upstream.url, json={}, session=session, backoff=AT_ONCE) as source:
            list(source)
    assert all("Authorization" in request.headers for request in upstream.requests)
    assert len(upstream.requests) == 2


def test_its_cookies_both_ways(session):
    session.cookies["old"] = "1"
    with Upstream(answer(200, "data: 1\n\n", set_cookie="new=2")) as upstream:
        with EventSource(upstream.url, json={}, session=session) as source:
            list(source)
    assert upstream.requests[0].headers["Cookie"] == "old=1"
    assert session.cookies["new"] == "2"


def test_its_hooks(session):
    seen = []
    session.hooks["response"].append(lambda response, **_: seen.append(response.status_code))
    with Upstream(tokens("one")) as upstream:
        with EventSource(upstream.url, session=session) as source:
            list(source)
    assert seen == [200]


def raise_for_status(response, **_):
    response.raise_for_status()


def test_a_hook_that_raises_for_a_status_hides_nothing_of_a_refusal(session):
    session.hooks["response"].append(raise_for_status)
    refused = answer(429, '{"error": {"message": "Too many."}}', retry_after="2")
    with Upstream(refused) as upstream, pytest.raises(ServerFailure, match="Too many.") as caught:
        list(EventSource(upstream.url, session=session))
    assert (caught.value.status, caught.value.retry_after) == (429, 2)


def test_nor_does_it_keep_a_refusal_from_being_final(session):
    session.hooks["response"].append(raise_for_status)
    scripts = [KeptAnswer(frames_of(["one"]), [0]), answer(410)]
    with Upstream(lambda exchange: scripts.pop(0)(exchange)) as upstream:
        with EventSource(upstream.url, json={}, session=session, backoff=AT_ONCE) as source:
            with pytest.raises(StreamTruncated) as caught:
                list(source)
    assert (caught.value.code, caught.value.status) == ("not_resumed", 410)


def test_an_auth_that_answers_a_challenge(session):
    session.auth = HTTPDigestAuth("ada", "secret")
    challenge = answer(401, www_authenticate='Digest realm="r", nonce="n", qop="auth"')
    scripts = [challenge, tokens("one")]
    with Upstream(lambda exchange: scripts.pop(0)(exchange)) as upstream:
        with EventSource(upstream.url, json={}, session=session) as source:
            assert "".join(source.text()) == "one"


def test_its_own_class_and_attributes():
    class Numbered(requests.Session):
        def request(self, method, url, **options):
            options["headers"]["X-Number"] = self.number
            return super().request(method, url, **options)

    with Upstream(tokens("one")) as upstream, Numbered() as session:
        session.number = "7"
        with EventSource(upstream.url, session=session) as source:
            list(source)
    assert upstream.requests[0].headers["X-Number"] == "7"


def test_it_can_be_used_meanwhile_and_afterwards(session):
    """The reader has connections of its own. The session's stay open."""

    def script(exchange):
        (silence_after("one") if exchange.path == "/v1" else answer(200, "hello"))(exchange)

    with Upstream(script) as upstream:
        assert session.get(upstream.url + "/other").text == "hello"
        with EventSource(upstream.url, session=session, json={}) as source:
            next(source)
            assert session.get(upstream.url + "/other").text == "hello"
        assert session.get(upstream.url + "/other").text == "hello"
        assert [request.number_on_connection for request in upstream.requests] == [1, 1, 2, 3]


def test_an_adapter_with_settings(session):
    session.mount("http://", HTTPAdapter(max_retries=Retry(2, status_forcelist=[503])))
    scripts = [answer(503), answer(503), tokens("one")]
    with Upstream(lambda exchange: scripts.pop(0)(exchange)) as upstream:
        with EventSource(upstream.url, session=session) as source:
            assert "".join(source.text()) == "one"


def test_an_adapter_of_one_s_own_class(session):
    class Signing(HTTPAdapter):
        def __init__(self, key):
            super().__init__()
            self.key = key

        def send(self, request, **options):
            request.headers["X-Key"] = self.key
            return super().send(request, **options)

    session.mount("http://", Signing("k"))
    with Upstream(silence_after("one")) as upstream:
        with EventSource(upstream.url, session=session, json={}) as source:
            assert ends_at_once(source)
        assert upstream.hung_up.wait(HANG_GUARD)
    assert upstream.requests[0].headers["X-Key"] == "k"


class OwnConnection(HTTPConnection):
    """Connects by itself, as those of Unix sockets do."""

    def _new_conn(self):
        return socket.create_connection((self.host, self.port))


class OwnPool(HTTPConnectionPool):
    ConnectionCls = OwnConnection


class OwnAdapter(HTTPAdapter):
    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": OwnPool}


class RecordingPool(HTTPConnectionPool):
    """Looks at the class of its connections, as vcrpy does."""

    def _get_conn(self, timeout=None):
        connection = super()._get_conn(timeout)
        assert isinstance(connection, self.ConnectionCls)
        return connection


class RecordingAdapter(HTTPAdapter):
    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": RecordingPool}


def test_an_adapter_that_looks_at_its_connections(session):
    session.mount("http://", RecordingAdapter())
    with Upstream(tokens("one")) as upstream:
        with EventSource(upstream.url, session=session) as source:
            assert "".join(source.text()) == "one"


class FromHere(HTTPAdapter):
    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, source_address=("127.0.0.1", 0), **kwargs)


@pytest.mark.parametrize("adapter", [OwnAdapter, FromHere])
def test_a_read_of_an_adapter_that_connects_by_itself_ends_at_once(session, adapter):
    session.mount("http://", adapter())
    with Upstream(silence_after("one")) as upstream:
        with EventSource(upstream.url, session=session, json={}) as source:
            assert ends_at_once(source)
        assert upstream.hung_up.wait(HANG_GUARD)


def test_an_adapter_without_connections():
    adapter = Canned(b"data: 1\n\n", content_type="text/event-stream")
    with EventSource("http://site.test/", json={}, session=session_of(adapter)) as source:
        assert [event.data for event in source] == ["1"]
    assert not adapter.was_closed


def test_an_authorization_of_ones_own_goes_before_that_of_netrc(tmp_path, monkeypatch):
    logins = tmp_path / "netrc"
    logins.write_text("machine site.test login ada password lovelace\n")
    monkeypatch.setenv("NETRC", str(logins))
    adapter = Canned(b"data: 1\n\n", content_type="text/event-stream")
    headers = {"authorization": "Bearer mine"}
    url, session = "http://site.test/", session_of(adapter)
    assert list(EventSource(url, json={}, headers=headers, session=session))
    assert adapter.requests[0].headers["Authorization"] == "Bearer mine"


@pytest.fixture
def trusting(session, certificate: Certificate):  # noqa: F811
    """The session, which trusts the certificate. To requests those of the environment go first."""
    session.trust_env = False
    session.verify = certificate.path
    return session


def test_an_unknown_certificate(session, certificate: Certificate):  # noqa: F811
    with Upstream(tokens("one"), tls=certificate.context) as upstream:
        with pytest.raises(ConnectionFailed, match="(?i)certificate"):
            list(EventSource(upstream.url, session=session))


def test_its_own_certificates(trusting, certificate: Certificate):  # noqa: F811
    with Upstream(tokens("one"), tls=certificate.context) as upstream:
        with EventSource(upstream.url, session=trusting) as source:
            assert "".join(source.text()) == "one"


def test_a_read_over_tls_ends_at_once(trusting, certificate: Certificate):  # noqa: F811
    with Upstream(silence_after("one"), tls=certificate.context) as upstream:
        with EventSource(upstream.url, session=trusting, json={}) as source:
            assert ends_at_once(source)


def test_a_deadline_over_tls(trusting, certificate: Certificate):  # noqa: F811
    with Upstream(silence_after("one"), tls=certificate.context) as upstream:
        options = {"session": trusting, "json": {}, "progress_timeout": 0.2}
        with EventSource(upstream.url, **options) as source:
            next(source)
            with pytest.raises(StreamStalled, match="No event came"):
                next(source)


# Redirects, as requests follows them.


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_keeps_the_post(status):
    with Upstream(by_path(root=redirect(status, "/v1/moved"), moved=tokens("one"))) as upstream:
        with EventSource(upstream.url, json={"a": 1}) as source:
            assert "".join(source.text()) == "one"
    assert [request.method for request in upstream.requests] == ["POST", "POST"]
    assert upstream.requests[1].json == {"a": 1}


def test_a_redirect_that_makes_it_a_get():
    with Upstream(by_path(root=redirect(303, "/v1/moved"), moved=tokens("one"))) as upstream:
        with EventSource(upstream.url, json={}) as source:
            list(source)
    assert [request.method for request in upstream.requests] == ["POST", "GET"]


def test_a_circle_of_redirects():
    with Upstream(redirect(307, "/v1")) as upstream, pytest.raises(ConnectionFailed, match="30"):
        list(EventSource(upstream.url))


def test_a_kept_stream_is_below_the_address_that_answered():
    kept = KeptAnswer(frames_of(["one"]), [0])

    def script(exchange):
        (redirect(307, "/v2/chat/x") if exchange.path == "/v1" else kept)(exchange)

    with Upstream(script) as upstream:
        with EventSource(upstream.url, json={}, backoff=AT_ONCE) as source:
            assert "".join(source.text()) == "one"
    assert upstream.requests[2].path == f"/v2/chat/streams/{source.stream_id}"


def test_another_site_gets_no_credentials_with_the_reader_who_comes_back(session):
    session.auth = ("ada", "secret")
    session.headers["X-Team"] = "sea"
    kept = KeptAnswer(frames_of(["one"]), [0])
    with Upstream(kept) as other, Upstream(redirect(307, other.url)) as upstream:
        headers = {"Authorization": "Bearer secret"}
        options = {"session": session, "headers": headers, "backoff": AT_ONCE}
        with EventSource(upstream.url, json={}, **options) as source:
            assert "".join(source.text()) == "one"
    assert "Authorization" in upstream.requests[0].headers
    assert [request.headers["Authorization"] for request in other.requests] == [None, None]
    assert other.requests[1].headers["X-Team"] == "sea"


def test_a_redirect_that_leads_nowhere_is_the_server_s_fault():
    with Upstream(redirect(307, "ftp://site.test/")) as upstream:
        with pytest.raises(ConnectionFailed, match="ftp"):
            list(EventSource(upstream.url))


# Proxies.


def test_a_proxy_of_the_environment(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "")
    with Upstream(tokens("one")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("/v1", ""))
        with EventSource("http://site.test/stream") as source:
            assert "".join(source.text()) == "one"
    assert proxy.requests[0].path == "http://site.test/stream"


def test_the_session_s_connections_to_its_proxy_are_left_alone(session):
    def script(exchange):
        (silence_after("one") if exchange.method == "POST" else answer(200, "hello"))(exchange)

    with Upstream(script) as proxy:
        session.proxies["http"] = proxy.url.replace("/v1", "")
        assert session.get("http://site.test/").text == "hello"
        with EventSource("http://site.test/", session=session, json={}) as source:
            next(source)
        assert session.get("http://site.test/").text == "hello"
    assert [request.number_on_connection for request in proxy.requests] == [1, 1, 2]


def test_a_proxy_that_refuses_a_tunnel(session):
    with Upstream(answer(407)) as proxy:
        session.proxies["https"] = proxy.url.replace("/v1", "")
        with pytest.raises(ConnectionFailed, match="407"):
            list(EventSource("https://site.test/", session=session))


def test_a_read_through_a_proxy_ends_at_once(session):
    with Upstream(silence_after("one")) as proxy:
        session.proxies["http"] = proxy.url.replace("/v1", "")
        with EventSource("http://site.test/", session=session, json={}) as source:
            assert ends_at_once(source)
        assert proxy.hung_up.wait(HANG_GUARD)


def test_a_wrong_password(session):
    session.auth = ("ada", "wrong")
    with Upstream(answer(401, "Who are you?")) as upstream:
        with pytest.raises(ServerFailure, match="Who are you?"):
            list(EventSource(upstream.url, session=session))
