"""Measured at real sites: what a proxy does to tokens, to silence and to departures."""

from __future__ import annotations

import pytest

from tests.conftest import needs
from tests.doctor.nginx import NGINX, nginx
from tests.servers import serving

TOKEN = "a secret of the doctor"
PYWSGI = "-m tests.live_apps.examined {port}"
SYNC = "-m gunicorn -b 127.0.0.1:{port} --log-level warning tests.live_apps.examined:app"
THREE_WORKERS = f"{SYNC} -k gevent -w 3"
SILENCE = ("--silence", "1")


@pytest.fixture(scope="module")
def site():
    """A site that beats twice a second, without a proxy."""
    with serving(PYWSGI, LLMSTREAM_DOCTOR_TOKEN=TOKEN, HEARTBEAT="0.5") as live:
        yield live


@pytest.fixture
def through(examine, site):
    """What the doctor finds behind an nginx with this in its location."""
    needs("nginx", NGINX)

    def through(location):
        with nginx(site.port, location) as url:
            return examine(url, "--token", TOKEN, *SILENCE)

    return through


def test_a_site_without_a_proxy_is_well(examine, site):
    found = examine(f"http://127.0.0.1:{site.port}", "--token", TOKEN, *SILENCE)
    assert set(found.levels().values()) == {"ok"}
    assert found.exit_status == 0
    assert found["silence"]["figures"]["outcome"] == "survived"
    assert "streams run on greenlets: gevent/" in found["server.worker"]["seen"]


def test_an_nginx_that_is_left_as_it_is_lets_everything_through(through):
    found = through("gzip on; gzip_types text/event-stream; gzip_proxied any;")
    assert set(found.levels().values()) == {"ok"}


def test_an_nginx_that_buffers_gives_all_at_once(through):
    found = through("proxy_ignore_headers X-Accel-Buffering;")
    assert "all at once" in found["spacing"]["seen"]
    assert found["spacing"]["mend"]["line"] == "proxy_buffering off;"
    assert found["silence"]["figures"]["outcome"] == "held"
    assert found.exit_status == 1


def test_the_line_that_the_doctor_gives_mends_it(through):
    found = through("proxy_ignore_headers X-Accel-Buffering; proxy_buffering off;")
    assert found["spacing"]["level"] == "ok"


def test_an_nginx_that_compresses_is_seen_to(through):
    found = through(
        "proxy_ignore_headers X-Accel-Buffering; proxy_hide_header Content-Encoding;"
        "gzip on; gzip_types text/event-stream; gzip_proxied any;"
    )
    assert found["compression"]["level"] == "warning"
    assert found["spacing"]["figures"]["tokens"] == 5


def test_a_proxy_that_cuts_silence_is_told_with_its_time(through):
    found = through("proxy_read_timeout 300ms;")
    assert found["silence"]["figures"]["outcome"] == "cut"
    assert found["silence"]["figures"]["lasted"] < 1


def test_a_proxy_that_keeps_departures_to_itself_is_told(through):
    found = through("proxy_ignore_client_abort on;")
    assert found["leaving"]["level"] == "warning"
    assert "not noticed in 1 s of silence" in found["leaving"]["seen"]


def test_a_stream_is_found_again_among_several_processes(examine):
    with serving(THREE_WORKERS, LLMSTREAM_DOCTOR_TOKEN=TOKEN) as live:
        found = examine(f"http://127.0.0.1:{live.port}", "--token", TOKEN, *SILENCE)
    assert found["leaving"]["level"] == "ok"


def test_a_server_of_one_request_at_a_time_is_found_out(examine):
    with serving(SYNC, LLMSTREAM_DOCTOR_TOKEN=TOKEN) as live:
        found = examine(f"http://127.0.0.1:{live.port}", "--token", TOKEN, *SILENCE)
    assert "serves one request of a process at a time" in found["server.worker"]["seen"]
    assert found["spacing"]["level"] == "ok"


def test_a_server_without_the_token_is_counted_at_all_the_same(examine):
    with serving(PYWSGI) as live:
        found = examine(f"http://127.0.0.1:{live.port}", "--token", TOKEN, *SILENCE)
    assert found["spacing"]["level"] == "ok"
    assert found["server"]["level"] == "warning"
