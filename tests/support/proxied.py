"""The live application behind a real proxy, and a reader that comes through the proxy.

Each proxy is a process of its own with its distribution's configuration. It serves the site that
``docs/proxies.md`` shows, on another port and with a throwaway certificate.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import re
import subprocess
import tempfile
import threading
from typing import Any, Dict, Iterator, List

from tests.support.certificates import trusting
from tests.support.proxies import Proxy
from tests.support.proxy_setups import Setting, replaced
from tests.support.servers import HANG_GUARD, LiveServer, Reader, free_port, wait_for_port

GUNICORN = "-m gunicorn -b 127.0.0.1:{port} --log-level warning tests.live_apps.proxied:app"
GREENLETS = f"{GUNICORN} -k gevent --worker-connections 3000"
THREADS = f"{GUNICORN} -k gthread --threads 100"
"""Servers for the application, with room for all readers of a test."""


class ProxyServer(LiveServer):
    """A running proxy. Requests to it use TLS."""

    @contextlib.contextmanager
    def request(
        self,
        method: str,
        path: str,
        *,
        patience: float = HANG_GUARD,
        address: str = "127.0.0.1",
        **arguments: Any,
    ) -> Iterator[Reader]:
        """Send one request over HTTP/1.1. The end of the block closes the connection.

        :param patience: the longest time in seconds without a byte.
        :param address: the reader's own address.
        """
        connection = http.client.HTTPSConnection(
            "127.0.0.1",
            self.port,
            timeout=patience,
            source_address=(address, 0),
            context=trusting(),
        )
        with contextlib.closing(connection):
            connection.request(method, path, **arguments)
            with contextlib.closing(connection.getresponse()) as response:
                yield Reader(response)


@contextlib.contextmanager
def proxied(proxy: Proxy, app: LiveServer, more: str = "") -> Iterator[ProxyServer]:
    """A proxy in front of the app.

    :param more: appended to the proxy line, which is the line with the app's address.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)  # a proxy that root starts works as another user
        make_certificate(folder)
        setting = Setting(folder, free_port(), site_for(proxy, app, folder, more))
        setup = proxy.setup(setting)
        command = [proxy.executable, *setup.arguments]
        with started(command, setup.variables, setting.port) as server:
            yield server


def site_for(proxy: Proxy, app: LiveServer, folder: pathlib.Path, more: str) -> str:
    """The site of the docs, with this app's address and this certificate."""
    site = re.sub(r".*127\.0\.0\.1:8000.*", lambda line: line.group() + more, proxy.site)
    site = replaced(site, "127.0.0.1:8000", f"127.0.0.1:{app.port}")
    return site.replace("/etc/ssl/", f"{folder}/")


@contextlib.contextmanager
def started(command: List[str], variables: Dict[str, str], port: int) -> Iterator[ProxyServer]:
    """Start a proxy's process, and end it with the block."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    log: List[str] = []
    drain = threading.Thread(target=lambda: log.extend(process.stderr), daemon=True)
    drain.start()
    try:
        wait_for_port(port, process, log)
        yield ProxyServer(port, process, log)
    finally:
        process.terminate()
        try:
            process.wait(HANG_GUARD)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        drain.join(HANG_GUARD)
        process.stderr.close()


def make_certificate(folder: pathlib.Path) -> None:
    """``site.key``, and ``site.pem`` with both the certificate and the key, as HAProxy wants."""
    pem, key = folder / "site.pem", folder / "site.key"
    command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 1"
    names = "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(key), "-out", str(pem)]
    subprocess.run([*command.split(), *names.split(), *files], check=True, capture_output=True)
    pem.write_text(pem.read_text() + key.read_text())
