"""``KeptAnswer``: a server that keeps one answer. It cuts the connections where a test says."""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence

from flask_llmstream import Backoff
from tests.support.upstream import HEAD, LAST_CHUNK, Exchange, answer

STREAM_ID = "k" * 32
AT_ONCE = Backoff(first=0, longest=0)
OPENING = f': \nevent: opened\ndata: {{"ended":false,"message":""}}\nid: {STREAM_ID}:0\n\n'


def frame(number: object, ended: bool = False, text: str = "") -> str:
    data = f'{{"ended":{str(ended).lower()},"message":"{text}"}}'
    return f"event: message\ndata: {data}\nid: {STREAM_ID}:{number}\n\n"


def frames_of(texts: Sequence[str]) -> List[str]:
    """The frames of an answer in the message format."""
    deltas = [frame(number, text=text) for number, text in enumerate(texts, 1)]
    return [OPENING, *deltas, frame("ended", ended=True)]


class KeptAnswer:
    """A script for an ``Upstream``.

    :param frames: those of the answer. Each has an ID.
    :param cuts: after so many bytes each connection is cut; ``None``, and those behind: never.
    :param is_kept: whether the header ``X-Stream-ID`` says so.
    :param location: the header ``Content-Location``, with ``{host}`` for the host that was asked.
        Default: none.
    """

    def __init__(
        self,
        frames: Sequence[str],
        cuts: Sequence[Optional[int]] = (),
        is_kept: bool = True,
        location: Optional[str] = None,
    ) -> None:
        self._frames = [frame.encode() for frame in frames]
        self._cuts: Iterator[Optional[int]] = iter(cuts)
        self._kept = f"X-Stream-ID: {STREAM_ID}\r\n" if is_kept else ""
        if location is not None:
            self._kept += f"Content-Location: {location}\r\n"

    def __call__(self, exchange: Exchange) -> None:
        last = exchange.headers["Last-Event-ID"]
        rest = self._frames[self._behind(last) :] if last else self._frames
        if not rest:
            answer(204)(exchange)
            return
        body, cut = b"".join(rest), next(self._cuts, None)
        kept = self._kept.replace("{host}", exchange.headers["Host"])
        exchange.send(HEAD.replace("\r\n\r\n", f"\r\n{kept}\r\n"))
        exchange.send_chunk(body[:cut]) if cut != 0 else None
        if cut is None:
            exchange.send(LAST_CHUNK)
        else:
            exchange.end()

    def _behind(self, last: str) -> int:
        line = f"id: {last}\n".encode()
        return next(index for index, frame in enumerate(self._frames, 1) if line in frame)
