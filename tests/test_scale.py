"""A thousand readers at a time, on one process."""

from __future__ import annotations

import selectors
import socket

from tests.servers import HANG_GUARD, SERVERS, running

READERS = 1000
PYWSGI = SERVERS[0]


def test_a_thousand_concurrent_counters_all_complete():
    with running(PYWSGI) as live:
        answers = read_all(live.port, "/counter")
    assert len(answers) == READERS
    assert {answer.count(b'"ended":false') for answer in answers} == {10}
    assert {answer.count(b'"reason":"complete"') for answer in answers} == {1}


def read_all(port: int, path: str) -> "list[bytes]":
    """What each of many readers got, all of them open at the same time."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    received = {}
    with selectors.DefaultSelector() as selector:
        for _ in range(READERS):
            reader = socket.create_connection(("127.0.0.1", port))
            reader.sendall(request)
            selector.register(reader, selectors.EVENT_READ)
            received[reader] = []
        while selector.get_map():
            ready = selector.select(HANG_GUARD)
            assert ready, "nobody received anything more"
            for key, _ in ready:
                piece = key.fileobj.recv(65536)
                received[key.fileobj].append(piece)
                if not piece:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
    return [b"".join(pieces) for pieces in received.values()]
