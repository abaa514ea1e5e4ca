"""Measured at real sites: the effect of a proxy on tokens, silence and departures."""

from __future__ import annotations

import ssl

import pytest

from tests.conftest import needs
from tests.support.proxied import proxied
from tests.support.proxies import PROXIES
from tests.support.servers import serving

TOKEN = "a secret of the doctor"
CALL = ("--token", TOKEN, "--silence", "1")
PYWSGI = "-m tests.live_apps.examined {port}"
SYNC = "-m gunicorn -b 127.0.0.1:{port} --log-level warning tests.live_apps.examined:app"
THREE_WORKERS = f"{SYNC} -k gevent -w 3"
BUFFERING = "proxy_ignore_headers X-Accel-Buffering;"


@pytest.fixture(scope="module")
def site():
    """A site with a heartbeat each half second, without a proxy."""
    with serving(PYWSGI, LLMSTREAM_DOCTOR_TOKEN=TOKEN, HEARTBEAT="0.5") as live:
        yield live


@pytest.fixture
def behind(examine, site, tmp_path, monkeypatch):
    """The findings behind a proxy, with this text appended to its proxy line."""

    def behind(name, more=""):
        proxy = next(proxy for proxy in PROXIES if proxy.name == name)
        needs(proxy.name, proxy.executable)
        with proxied(proxy, site, more) as front:
            certificate = tmp_path / "site.pem"
            certificate.write_text(ssl.get_server_certificate(("127.0.0.1", front.port)))
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            return examine(f"https://127.0.0.1:{front.port}", *CALL)

    return behind


def test_a_site_without_a_proxy_is_well(examine, site):
    found = examine(f"http://127.0.0.1:{site.port}", *CALL)
    assert set(found.levels().values()) == {"ok"}
    assert found.exit_status == 0
    assert found["silence"]["figures"]["outcome"] == "survived"
    assert "streams run on greenlets: gevent/" in found["server.worker"]["seen"]


def test_an_nginx_that_is_left_as_it_is_lets_everything_through(behind):
    found = behind("nginx", "gzip on; gzip_types *; gzip_proxied any;")
    assert set(found.levels().values()) == {"ok"}


def test_an_nginx_that_buffers_gives_all_at_once(behind):
    found = behind("nginx", BUFFERING)
    assert "all at once" in found["spacing"]["seen"]
    assert found["spacing"]["mend"]["line"] == "proxy_buffering off;"
    assert found["silence"]["figures"]["outcome"] == "held"
    assert found.exit_status == 1


def test_the_line_for_buffering_mends_it(behind):
    assert behind("nginx", f"{BUFFERING} proxy_buffering off;")["spacing"]["level"] == "ok"


def test_an_nginx_that_compresses_is_seen_to(behind):
    hidden = "proxy_hide_header Content-Encoding;"
    found = behind("nginx", f"{hidden} gzip on; gzip_types *; gzip_proxied any;")
    assert found["compression"]["level"] == "warning"
    assert found["spacing"]["figures"]["tokens"] == 5


def test_a_proxy_that_cuts_silence_is_told_with_its_time(behind):
    found = behind("nginx", "proxy_read_timeout 300ms;")
    assert found["silence"]["figures"]["outcome"] == "cut"
    assert found["silence"]["figures"]["lasted"] < 1


def test_an_nginx_that_keeps_departures_to_itself_is_told(behind):
    found = behind("nginx", "proxy_ignore_client_abort on;")
    assert found["leaving"]["level"] == "warning"
    assert "not noticed in 1 s of silence" in found["leaving"]["seen"]
    assert found["leaving"]["mend"]["line"] == "proxy_ignore_client_abort off;"


def test_a_haproxy_keeps_departures_to_itself_until_it_has_the_doctor_s_line(behind):
    mend = behind("HAProxy")["leaving"]["mend"]
    assert behind("HAProxy", f"\n{mend['line']}")["leaving"]["level"] == "ok"


def test_a_stream_is_found_again_among_several_processes(examine):
    with serving(THREE_WORKERS, LLMSTREAM_DOCTOR_TOKEN=TOKEN) as live:
        found = examine(f"http://127.0.0.1:{live.port}", *CALL)
    assert found["leaving"]["level"] == "ok"


def test_a_server_of_one_request_at_a_time_is_found_out(examine):
    with serving(SYNC, LLMSTREAM_DOCTOR_TOKEN=TOKEN) as live:
        found = examine(f"http://127.0.0.1:{live.port}", *CALL)
    assert "serves one request of a process at a time" in found["server.worker"]["seen"]
    assert found["spacing"]["level"] == "ok"


def test_a_server_without_the_token_is_counted_at_all_the_same(examine):
    with serving(PYWSGI) as live:
        found = examine(f"http://127.0.0.1:{live.port}", *CALL)
    assert found["spacing"]["level"] == "ok"
    assert found["server"]["level"] == "warning"
