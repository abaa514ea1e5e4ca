"""``Answer``: one request to a WSGI app, and its answer, read block by block as a server does.

Two validators check what passes between: the standard library's and Werkzeug's.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple
from wsgiref.validate import validator

from werkzeug.datastructures import Headers
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import EnvironBuilder

from flask_llmstream import EventStreamDecoder
from flask_llmstream.sse.decoder import MessageEvent


class Answer:
    """An answer, unread at first. ``status`` and ``headers`` are set when the app sends them.

    :param environ: the keys that the server adds to the environ.
    :param request: keywords for Werkzeug's ``EnvironBuilder``.
    """

    def __init__(
        self, app: Any, path: str, environ: Optional[Dict[str, Any]] = None, **request: Any
    ) -> None:
        self.status: Optional[int] = None
        self.headers = Headers()
        self._decoder = EventStreamDecoder()
        builder = EnvironBuilder(path=path, environ_overrides=environ, **request)
        complete = builder.get_environ()
        for name in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):  # Werkzeug 1 has them twice
            complete.pop(name, None)
        self._body = validated(app)(complete, self._start_response)
        self.blocks: Iterator[bytes] = iter(self._body)
        builder.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def block(self) -> bytes:
        """The next block that the server would write."""
        return next(self.blocks)

    def events(self) -> List[MessageEvent]:
        """The events of the next block, without those that open and end a stream."""
        return self._decode(self.block())

    def rest(self) -> bytes:
        """All blocks to the end, joined."""
        return b"".join(self.blocks)

    def all_events(self) -> List[MessageEvent]:
        return self._decode(self.rest())

    @property
    def last_event_id(self) -> str:
        """The ID that an EventSource would return with."""
        return self._decoder.last_event_id

    @property
    def json(self) -> Any:
        return json.loads(self.rest())

    def close(self) -> None:
        """Close the body, as a server does at the end and when its client has left."""
        close = getattr(self._body, "close", None)
        if close is not None:
            close()

    def _decode(self, block: bytes) -> List[MessageEvent]:
        events = self._decoder.feed(block)
        return [event for event in events if event.event not in ("opened", "ended")]

    def _start_response(
        self, status: str, headers: List[Tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        assert self.status is None, "an answer starts once"
        self.status = int(status.split()[0])
        self.headers = Headers(headers)
        return lambda data: None


def linted(app: Any) -> Any:
    """The app in Werkzeug's validator, from Werkzeug 2 on. Before, the validator rejects bytes."""
    return app if version("werkzeug").startswith("1.") else LintMiddleware(app)


def validated(app: Any) -> Callable[..., Iterable[bytes]]:
    return validator(linted(app))


def cookies_of(response: Any) -> Dict[str, str]:
    """The headers with which a browser sends its cookie back."""
    return {"Cookie": response.headers["Set-Cookie"].split(";")[0]}
