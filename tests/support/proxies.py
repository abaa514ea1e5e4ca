"""The proxies that the tests run, each with the configuration lines that a test adds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Callable, List, NamedTuple, Optional

from tests.support import proxy_setups
from tests.support.proxy_setups import Setting, Setup
from tests.support.servers import ROOT

DOCUMENT = ROOT / "docs" / "proxies.md"
PATH = os.environ["PATH"] + ":/usr/sbin"
"""Debian installs servers in a folder that only root has in its ``PATH``."""


def docs() -> str:
    """The text of the document for users."""
    return DOCUMENT.read_text(encoding="utf-8")


class Proxy(NamedTuple):
    """One proxy. A line here is text that is appended to its proxy line.

    :ivar program: its executable.
    :ivar asks_version: the option that prints its version.
    :ivar language: the language of the code block with its site in the docs.
    :ivar setup: writes its configuration.
    :ivar limit: the line that sets its idle limit to ``SECONDS``.
    :ivar compresses: the line that lets it compress everything it may.
    :ivar forwards: the line that lets it tell the app the reader's address; empty where it does
        so by default.
    :ivar keeps_host: the line that lets it pass on the request's host; empty where it does so by
        default.
    :ivar passes_departures_on: whether it closes its connection to the app at once when a reader
        has left. Other proxies notice when they can't write a second heartbeat.
    """

    name: str
    program: str
    asks_version: str
    language: str
    setup: Callable[[Setting], Setup]
    limit: str
    compresses: str
    forwards: str
    keeps_host: str
    passes_departures_on: bool

    @property
    def executable(self) -> Optional[str]:
        """The path of its executable; ``None`` where it is not installed."""
        return shutil.which(self.program, path=PATH)

    @property
    def version(self) -> str:
        """Its version, such as ``1.22.1``."""
        asked = [self.executable, self.asks_version]
        said = subprocess.run(asked, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
        return re.search(rb"\d+\.\d+\.\d+", said.stdout).group().decode()

    @property
    def site(self) -> str:
        """Its site, as the docs show it."""
        return re.search(rf"```{self.language}\n(.*?)```", docs(), re.DOTALL).group(1)

    def limited_to(self, seconds: int) -> str:
        """The line that sets its idle limit."""
        return self.limit.replace("SECONDS", str(seconds))


PROXIES: List[Proxy] = [
    Proxy(
        name="nginx",
        program="nginx",
        asks_version="-v",
        language="nginx",
        setup=proxy_setups.nginx,
        limit="\nproxy_read_timeout SECONDSs;",
        compresses="\ngzip on;\ngzip_types *;",
        forwards="\nproxy_set_header X-Forwarded-For $remote_addr;",
        keeps_host="\nproxy_set_header Host $http_host;",
        passes_departures_on=True,
    ),
    Proxy(
        name="Caddy",
        program="caddy",
        asks_version="version",
        language="caddyfile",
        setup=proxy_setups.caddy,
        limit=" {\ntransport http {\nread_timeout SECONDSs\n}\n}",
        compresses="\nencode gzip",
        forwards="",
        keeps_host="",
        passes_departures_on=True,
    ),
    Proxy(
        name="HAProxy",
        program="haproxy",
        asks_version="-v",
        language="haproxy",
        setup=proxy_setups.haproxy,
        limit="\ntimeout server SECONDSs\ntimeout client SECONDSs",
        compresses="\ncompression algo gzip\ncompression type text/event-stream text/css",
        forwards="\noption forwardfor",
        keeps_host="",
        passes_departures_on=False,
    ),
    Proxy(
        name="Apache",
        program="apache2",
        asks_version="-v",
        language="apache",
        setup=proxy_setups.apache,
        limit=" timeout=SECONDS",
        compresses="\nSetOutputFilter DEFLATE",
        forwards="",
        keeps_host="\nProxyPreserveHost On",
        passes_departures_on=False,
    ),
]
