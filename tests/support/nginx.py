"""A real nginx in front of a server. It passes requests on, and has no other settings."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from typing import Iterator

from tests.support.servers import LiveServer, Server, free_port, running, serving

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_max_body_size 100m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ {passing} }}
    }}
}}
"""

HTTP = "proxy_pass http://{server};"
UWSGI = "include /etc/nginx/uwsgi_params; uwsgi_pass {server};"


@contextlib.contextmanager
def reached(server: Server, way: str, **environment: str) -> Iterator[LiveServer]:
    """The live application, reached in one of three ways.

    :param way: ``plain``, ``TLS`` (the server's own) or ``nginx`` (which speaks uWSGI's own
        protocol to uWSGI).
    """
    passing = HTTP
    if way == "nginx" and server.command.startswith("uwsgi"):
        command = server.command.replace("--http-socket", "--socket")
        server, passing = server._replace(command=command), UWSGI
    with contextlib.ExitStack() as stack:
        live = stack.enter_context(running(server, tls=way == "TLS", **environment))
        yield stack.enter_context(behind_nginx(live, passing)) if way == "nginx" else live


@contextlib.contextmanager
def behind_nginx(live: LiveServer, passing: str) -> Iterator[LiveServer]:
    """A server, reached through nginx.

    :param passing: the configuration that passes requests on, ``HTTP`` or ``UWSGI``.
    """
    port = free_port()
    passing = passing.format(server=f"127.0.0.1:{live.port}")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "nginx.conf")
        written = CONFIGURATION.format(folder=folder, port=port, passing=passing)
        path.write_text(written, encoding="utf-8")
        with serving(f"nginx -c {path}", port) as nginx:
            yield nginx
