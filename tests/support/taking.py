"""Reads an answer in exactly the segments in which a relay sends it."""

from __future__ import annotations

import itertools
import socket
import threading
from typing import Any, Iterator, List, Mapping, Sequence, Tuple

from tests.support.segments import Segments
from tests.support.servers import HANG_GUARD


def taken_apart(
    port: int, asked: Mapping[str, Any], sizes: Sequence[int] = (1,)
) -> Tuple[bytes, List[bytes]]:
    """The head of an answer, and its body as each read brought it.

    The relay sends a segment when the one before has been read, so none are joined. The request is
    one of HTTP/1.0: its answer has no chunks, and the body is the bytes of the stream.

    :param asked: ``method``, ``path``, ``headers``, and ``body`` or ``None``.
    :param sizes: how many bytes each segment has, over and over. Default: one.
    """
    taken = threading.Semaphore(0)
    read: List[bytes] = []
    lengths = itertools.cycle(sizes)
    relay = Segments(
        port,
        lambda block: cut_by(lengths, block),
        lambda *_: taken.acquire(timeout=HANG_GUARD),
    )
    with relay:
        with socket.create_connection(("127.0.0.1", relay.port), HANG_GUARD) as reader:
            reader.sendall(request_bytes(asked))
            for piece in iter(lambda: reader.recv(65536), b""):
                read.append(piece)
                taken.release()
    return without_head(read)


def cut_by(lengths: Iterator[int], block: bytes) -> Iterator[bytes]:
    while block:
        length = next(lengths)
        yield block[:length]
        block = block[length:]


def request_bytes(asked: Mapping[str, Any]) -> bytes:
    body = (asked["body"] or "").encode()
    headers = {"Host": "localhost", **asked["headers"], "Content-Length": len(body)}
    lines = [f"{asked['method']} {asked['path']} HTTP/1.0"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def without_head(pieces: List[bytes]) -> Tuple[bytes, List[bytes]]:
    head, at = b"", 0
    while b"\r\n\r\n" not in head:
        head += pieces[at]
        at += 1
    head, rest = head.split(b"\r\n\r\n", 1)
    return head, [piece for piece in [rest, *pieces[at:]] if piece]
