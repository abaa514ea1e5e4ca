"""Certificates for upstreams that speak TLS."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.conftest import needs


class Certificate:
    """A certificate that nobody but its own file vouches for."""

    def __init__(self, folder: Path, address: str) -> None:
        self.path = str(folder / "certificate.pem")
        key = str(folder / "key.pem")
        options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        options += ["-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}"]
        options += ["-keyout", key, "-out", self.path]
        subprocess.run(["openssl", "req", *options], check=True, stderr=subprocess.DEVNULL)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.path, key)


def certificate_for(address: str, folder: Path) -> Certificate:
    needs("openssl", shutil.which("openssl") is not None)
    return Certificate(folder, address)


@pytest.fixture(scope="session", autouse=True)
def resolver_started() -> None:
    """On greenlets the first look-up starts a thread for all of them, which is no test's own."""
    socket.getaddrinfo("127.0.0.1", 80)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate_for("127.0.0.1", tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def foreign_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """The certificate of another address."""
    return certificate_for("127.0.0.2", tmp_path_factory.mktemp("foreign"))
