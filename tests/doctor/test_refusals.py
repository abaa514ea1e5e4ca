"""Addresses without a stream to measure: the finding says what is there instead."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading

import pytest

from tests.support.servers import free_port
from tests.support.upstream import Upstream, answer, silence


@pytest.fixture
def site():
    """A site at whose root a script answers."""
    running = []

    def start(script, tls=None):
        upstream = Upstream(script, tls)
        running.append(upstream.__enter__())
        return upstream.url[: -len("/v1")]

    yield start
    for upstream in running:
        upstream.__exit__()


def page(status, text="<html><title>Some page</title></html>", **headers):
    return answer(status, text, content_type="text/html; charset=utf-8", **headers)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "site.pem"
    command = "openssl req -x509 -nodes -newkey rsa:2048 -days 1 -subj /CN=site"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(path)]
    key = subprocess.run([*command.split(), *names], stderr=subprocess.PIPE, check=True)
    assert key.returncode == 0
    return path


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def refused(examined):
    """The only finding."""
    assert examined.exit_status == 2
    return examined["reach"]


def test_a_name_that_nobody_knows(examine):
    finding = refused(examine("http://no-such-site.invalid"))
    assert finding["seen"] == "nobody knows the name no-such-site.invalid"


def test_a_port_where_nobody_listens(examine):
    port = free_port()
    seen = f"nobody listens at http://127.0.0.1:{port}"
    assert refused(examine(f"http://127.0.0.1:{port}"))["seen"] == seen


def test_a_site_that_hangs_up(examine, site):
    url = site(lambda exchange: exchange.reset())
    assert refused(examine(url))["seen"] == f"{url} hung up"


def test_a_site_that_does_not_answer_in_time(examine, site, monkeypatch):
    monkeypatch.setattr("flask_llmstream.doctor.probe.spacing.PATIENCE", 0.2)
    url = site(silence)
    assert refused(examine(url))["seen"] == f"{url} does not answer in time"


def test_a_certificate_that_nobody_has_signed(examine, site, tls):
    finding = refused(examine(site(page(200), tls)))
    assert "is not trusted: self" in finding["seen"]
    assert finding["mend"]["line"].startswith("export SSL_CERT_FILE=")


def test_a_certificate_that_one_is_told_to_trust(examine, site, tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert "answers with text/html" in refused(examine(site(page(200), tls)))["seen"]


def test_https_where_there_is_none(examine, site):
    url = site(page(400))
    finding = refused(examine(url.replace("http:", "https:")))
    assert "does not speak TLS" in finding["seen"]
    assert finding["mend"]["line"] == f"--url {url}"


def test_something_that_does_not_speak_http(examine):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        thread = threading.Thread(target=greet, args=[listener])
        thread.start()
        finding = refused(examine(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()
    assert "does not speak HTTP" in finding["seen"]


def greet(listener):
    sock, _ = listener.accept()
    with sock:
        sock.recv(65536)
        sock.sendall(b"220 mail.example.org ESMTP\r\n")
        sock.recv(65536)


def test_a_page_of_somebody_else(examine, site):
    finding = refused(examine(site(page(200, "<h1>Welcome to <b>nginx</b>!</h1>"))))
    assert "answers with text/html, and not with an event stream" in finding["seen"]
    assert "Welcome to nginx !" in finding["why"]


def test_a_long_page_is_told_by_its_beginning(examine, site):
    text = "<style>p { color: red }</style>" + "<p>word" * 500
    why = refused(examine(site(page(200, text))))["why"]
    assert "color" not in why and "word word" in why and len(why) < 200


@pytest.mark.parametrize("status", [404, 405])
def test_no_chat_endpoint(examine, site, status):
    url = site(page(status))
    finding = refused(examine(url))
    assert finding["seen"] == f"there is no chat endpoint at {url}/v1/chat/completions ({status})"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_log_in(examine, site, status):
    finding = refused(examine(site(page(status, location="/login?next=/"))))
    assert f"redirects ({status}) to /login?next=/" in finding["seen"]
    assert finding["mend"]["line"].startswith("--header 'Cookie: ")


def test_a_redirect_to_https(examine, site):
    def to_https(exchange):
        here = f"https://{exchange.headers['Host']}{exchange.path}"
        page(301, location=here)(exchange)

    url = site(to_https)
    secure = url.replace("http:", "https:")
    line = f"--url {secure}/v1/chat/completions"
    assert refused(examine(url))["mend"]["line"] == line


@pytest.mark.parametrize("status", [401, 403])
def test_a_guard(examine, site, status):
    assert f"does not let the doctor in ({status})" in refused(examine(site(page(status))))["seen"]


@pytest.mark.parametrize("status", [502, 504])
def test_a_proxy_without_its_application(examine, site, status):
    finding = refused(examine(site(page(status, server="nginx/1.22.1"))))
    assert finding["seen"] == f"a proxy (nginx/1.22.1) answers for the application: {status}"


def test_any_other_status_is_told_with_its_text(examine, site):
    finding = refused(examine(site(page(400, "The CSRF token is missing."))))
    assert finding["seen"].endswith("/v1/chat/completions answers 400")
    assert finding["why"] == "It says: The CSRF token is missing."


# The address and the headers of its requests.


@pytest.mark.parametrize(
    "path, prefix, asked",
    [
        ("", "/v1", "/v1/chat/completions"),
        ("/", "/v1", "/v1/chat/completions"),
        ("/shop", "/v1", "/shop/v1/chat/completions"),
        ("/v1", "/v1", "/v1/chat/completions"),
        ("/shop/v1/", "/v1", "/shop/v1/chat/completions"),
        ("/ai/chat/completions", "/v1", "/ai/chat/completions"),
        ("/ai", None, "/ai/chat/completions"),
        ("/v1", "/v1/", "/v1/chat/completions"),
        ("/shop", "/", "/shop/chat/completions"),
        ("/en/v1", "/<lang>/v1", "/en/v1/chat/completions"),
        ("/été à la mer", "/v1", "/%C3%A9t%C3%A9%20%C3%A0%20la%20mer/v1/chat/completions"),
    ],
)
def test_it_asks_where_the_chat_endpoint_is(examine, path, prefix, asked):
    with Upstream(page(404)) as upstream:
        examine(upstream.url[: -len("/v1")] + path, LLMSTREAM_URL_PREFIX=prefix)
    (exchange,) = upstream.requests
    assert (exchange.method, exchange.path, exchange.body) == ("POST", asked, b"{}")


def test_it_brings_what_it_was_given(examine):
    with Upstream(page(404)) as upstream:
        call = ["--header", "Cookie: session=abc", "--header", "Authorization:Basic eHg="]
        examine(upstream.url, *call, "--token", "the token of the site")
    headers = upstream.requests[0].headers
    assert (headers["Cookie"], headers["Authorization"]) == ("session=abc", "Basic eHg=")
    assert headers["LLMStream-Doctor-Token"] == "the token of the site"


def test_the_token_may_come_from_the_environment_or_the_app(examine, monkeypatch):
    with Upstream(page(404)) as upstream:
        examine(upstream.url, LLMSTREAM_DOCTOR_TOKEN="the token of the app")
        monkeypatch.setenv("LLMSTREAM_DOCTOR_TOKEN", "the one of the environment")
        examine(upstream.url, LLMSTREAM_DOCTOR_TOKEN="the token of the app")
    brought = [exchange.headers["LLMStream-Doctor-Token"] for exchange in upstream.requests]
    assert brought == ["the token of the app", "the one of the environment"]
