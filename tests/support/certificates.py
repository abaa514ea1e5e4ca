"""Throwaway certificates for servers that speak TLS."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

from tests.conftest import needs


class Certificate:
    """A self-signed certificate.

    :param address: the IP address or the name that it certifies.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self.path = str(folder / "certificate.pem")
        self.key = str(folder / "key.pem")
        options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        kind = "IP" if address[-1].isdigit() else "DNS"
        options += ["-subj", f"/CN={address}", "-addext", f"subjectAltName={kind}:{address}"]
        options += ["-keyout", self.key, "-out", self.path]
        subprocess.run(["openssl", "req", *options], check=True, stderr=subprocess.DEVNULL)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.path, self.key)


def certificate_for(address: str, folder: Path) -> Certificate:
    needs("openssl", shutil.which("openssl") is not None)
    return Certificate(folder, address)


def trusting() -> ssl.SSLContext:
    """A client's TLS context that trusts every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
