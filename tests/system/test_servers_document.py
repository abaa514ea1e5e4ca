"""docs/servers.md shows what the tests run, and its table has every server."""

from __future__ import annotations

import re

import pytest

from tests.matrix.servers import COLUMNS, DOCUMENT, LIMITS
from tests.support.nginx import UWSGI
from tests.support.servers import (
    DAEMON,
    GRANIAN,
    HYPERCORN,
    MOD_WSGI,
    PYWSGI,
    ROOT,
    SERVERS,
    SYNC,
    UVICORN,
    free_port,
    serving,
)

GUIDE = DOCUMENT.read_text(encoding="utf-8")
EVERY_SERVER = [*SERVERS, SYNC]
WITH_A_LINE = [server for server in EVERY_SERVER if server not in (PYWSGI, MOD_WSGI)]
each_server = pytest.mark.parametrize("server", EVERY_SERVER, ids=lambda server: server.name)


@pytest.mark.parametrize("server", [*WITH_A_LINE, GRANIAN], ids=lambda server: server.name)
def test_the_line_for_a_server_is_the_one_that_is_tested(server):
    assert f"```sh\n{server.command.format(port=8000, app='app:app')}\n```" in GUIDE


@pytest.mark.parametrize("server", [UVICORN, HYPERCORN], ids=lambda server: server.name)
def test_the_line_for_an_asgi_server_is_the_one_that_is_tested(server):
    assert f"```sh\n{server.command.format(port=8000, app='asgi:app')}\n```" in GUIDE


def test_the_lines_for_apache_are_those_that_are_tested():
    configuration = (ROOT / "tests" / "live_apps" / "apache2.conf").read_text(encoding="utf-8")
    home = {"${PYTHON}": "python-home=/srv/app/venv python-path=/srv/app"}
    here = {"${ROOT}/tests/live_apps": "/srv/app", "${DAEMON}": DAEMON["DAEMON"], **home}
    for name, value in here.items():
        configuration = configuration.replace(name, value)
    shown = re.search(r"```apache\n(.*?)```", GUIDE, re.DOTALL).group(1)
    assert configuration.endswith(shown)


def test_what_nginx_is_told_of_uwsgi_is_what_is_tested():
    assert UWSGI.replace("/etc/nginx/", "").format(server="127.0.0.1:8000") in GUIDE


def test_the_script_for_pywsgi_serves(tmp_path):
    port = free_port()
    script = re.search(r"```python\n(from gevent .*?)```", GUIDE, re.DOTALL).group(1)
    (tmp_path / "serve.py").write_text(script.replace("8000", str(port)), encoding="utf-8")
    application = "from tests.live_apps.plain import app\n"
    (tmp_path / "app.py").write_text(application, encoding="utf-8")
    with serving(f"python {tmp_path}/serve.py", port) as live:
        with live.request("GET", "/where") as reader:
            assert any(b'"greenlet"' in block for block in reader.blocks())


@each_server
def test_the_table_has_all_that_is_measured_of_a_server(server):
    row = re.search(rf"^\| {re.escape(server.name)} \|(.*) \|$", GUIDE, re.MULTILINE).group(1)
    cells = row.split(" | ")
    assert len(cells) == len(COLUMNS)
    assert all(cells) and "failed" not in row


@each_server
def test_the_table_says_what_a_server_limits(server):
    assert f"| {server.name} | {LIMITS[server.name]} |" in GUIDE
