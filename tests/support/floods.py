"""Servers that send useless bytes without a pause, each in a process of its own.

``python tests/support/floods.py KIND [CERTIFICATE KEY]`` prints the port on which it listens. The
process ends by itself after some seconds, so that a test that it blocks fails and does not hang.
"""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Iterator, Optional

if TYPE_CHECKING:
    from tests.support.certificates import Certificate

SECONDS = 10
"""Seconds that it floods. A test that succeeds ends it much sooner."""

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = STREAM + b"Transfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "comments": (STREAM + b"\r\n", b": x\n"),
    "blank deltas": (STREAM + b"\r\n", b'data: {"choices": [{"delta": {"content": ""}}]}\n\n'),
    "other choices": (STREAM + b"\r\n", b'data: {"choices": [{"index": 1, "text": "x"}]}\n\n'),
    "chunks": (CHUNKED, b"4\r\n: x\n\r\n"),
}
"""The bytes that each kind sends first, and the bytes that it then repeats."""


@contextmanager
def flood(kind: str, certificate: Optional[Certificate] = None) -> Iterator[str]:
    """The address of such a server."""
    command = [sys.executable, __file__, kind]
    if certificate is not None:
        command += [certificate.path, certificate.key]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def _serve(kind: str, *certificate: str) -> None:
    head, again = FLOODS[kind]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        print(listener.getsockname()[1], flush=True)
        client, _ = listener.accept()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            client = context.wrap_socket(client, server_side=True)
        with client, suppress(OSError):
            client.recv(65536)
            client.sendall(head)
            while True:
                client.sendall(again * 5000)


if __name__ == "__main__":
    signal.alarm(SECONDS)
    _serve(*sys.argv[1:])
