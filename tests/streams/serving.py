"""A server of the cases, each segment in a chunk of HTTP's and a TCP segment of its own.

``/`` is the manifest, with the names. Below it, for each name:

- ``/NAME.json``: the case's file, with what a right reader gives;
- ``/NAME``: the stream of ``parser/``, or the text of ``texts/`` with the writing ``lf``;
- ``/NAME/WRITING``: the text in another writing. ``all`` is the name of all texts as one.

``?cut=`` is ``places`` (those of the file; in ``parser/`` every one; the default), ``bytes`` (every
one) or ``none``. Standard library only.
"""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Iterator, List, Optional
from urllib.parse import parse_qs, urlsplit

from .cases import HERE, PARSER, TEXTS, Stream, all_as, segments

SSE, JSON = "text/event-stream", "application/json"


def stream_at(path: str) -> Optional[Stream]:
    """The stream of ``NAME`` or ``NAME/WRITING``; ``None`` where there is none."""
    name, _, writing = path.partition("/")
    if name in PARSER and not writing:
        case = PARSER[name]
        data = [event["data"] for event in case.expected["events"]]
        return Stream(case.body, range(1, len(case.body)), data, "".join(data))
    known = TEXTS["emoji"].streams
    if (writing or "lf") not in known:
        return None
    if name == "all":
        return all_as(writing or "lf")
    return TEXTS[name].streams[writing or "lf"] if name in TEXTS else None


def file_at(path: str) -> Optional[bytes]:
    """The file of ``NAME.json``, and the manifest of ``""``; ``None`` where there is none."""
    if not path:
        return (HERE / "manifest.json").read_bytes()
    if path == "all.json":
        streams = {name: all_as(name) for name in TEXTS["emoji"].streams}
        shown = {name: {"data": one.data, "text": one.text} for name, one in streams.items()}
        return json.dumps({"streams": shown}).encode()
    for folder, names in (("texts", TEXTS), ("parser", PARSER)):
        if path.endswith(".json") and path[:-5] in names:
            return (HERE / folder / path).read_bytes()
    return None


def cut(stream: Stream, how: str) -> Iterator[bytes]:
    """The segments of a stream, cut at its places, at every one or at none.

    :raises ValueError: another word.
    """
    places = {"places": stream.cuts, "bytes": range(1, len(stream.body)), "none": ()}
    if how not in places:
        raise ValueError(f"cut: {how!r} is none of {', '.join(places)}")
    return segments(stream.body, places[how])


class Handler(BaseHTTPRequestHandler):
    """Answers a ``GET`` and a ``POST`` alike."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle(self) -> None:
        with suppress(ConnectionError):  # a reader may leave when it likes
            super().handle()

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = urlsplit(self.path)
        path = asked.path.strip("/")
        file, stream = file_at(path), stream_at(path)
        if file is not None:
            self._answer(200, JSON, file)
        elif stream is None:
            self._answer(404, "text/plain", b"There is no such case.\n")
        else:
            self._stream(stream, parse_qs(asked.query).get("cut", ["places"]))

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def _stream(self, stream: Stream, how: List[str]) -> None:
        try:
            pieces = cut(stream, how[0])
        except ValueError as error:
            self._answer(400, "text/plain", f"{error}\n".encode())
            return
        self._begin(200, SSE)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            if piece:  # an empty chunk would be the last one
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self._begin(status, content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _begin(self, status: int, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Access-Control-Allow-Origin", "*")
