"""TLS to a proxy, and in it TLS to the server: two layers, which both read ahead."""

from __future__ import annotations

import socket
import ssl
import threading

from urllib3.util.ssltransport import SSLTransport

from flask_llmstream.http.connection import Connection
from tests.support.upstream import HANG_GUARD


def serve(sock, context, *records):
    """Shake hands twice, and send the inner records in one outer record."""
    with context.wrap_socket(sock, server_side=True) as outer:
        arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        inner = context.wrap_bio(arriving, leaving, server_side=True)
        while True:
            try:
                inner.do_handshake()
                break
            except ssl.SSLWantReadError:
                outer.sendall(leaving.read())
                arriving.write(outer.recv(16384))
        for record in records:
            inner.write(record)
        outer.sendall(leaving.read())
        outer.recv(1)


def test_bytes_behind_an_answer_are_seen_in_both_layers(certificate):
    ours, theirs = socket.socketpair()
    for sock in (ours, theirs):
        sock.settimeout(HANG_GUARD)
    args = (theirs, certificate.context, b"whole", b"other")
    server = threading.Thread(target=serve, args=args)
    server.start()
    context = ssl.create_default_context(cafile=certificate.path)
    outer = context.wrap_socket(ours, server_hostname="127.0.0.1")
    connection = Connection(SSLTransport(outer, context, "127.0.0.1"), None, None)
    assert (connection.incoming.read(), connection.has_rest) == (b"whole", True)
    assert (connection.incoming.read(), connection.has_rest) == (b"other", False)
    outer.sendall(b"x")
    outer.close()
    server.join(HANG_GUARD)
