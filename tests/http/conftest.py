"""The certificate of an upstream that speaks TLS."""

from __future__ import annotations

import socket

import pytest

from tests.support.certificates import Certificate, certificate_for


@pytest.fixture(scope="session", autouse=True)
def resolver_started() -> None:
    """gevent starts its resolver's thread at the first look-up; no test leaves that behind."""
    socket.getaddrinfo("127.0.0.1", 80)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate_for("127.0.0.1", tmp_path_factory.mktemp("certificate"))
