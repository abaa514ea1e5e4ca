"""The application ``tests.live_apps.produced``, on gunicorn with several workers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import Any, Iterator, Optional

from flask_llmstream import EventStreamDecoder
from tests.support.servers import LiveServer, Reader, serving

GUNICORN = (
    "-m gunicorn -b 127.0.0.1:{{port}} -w {workers} -k gevent --log-level warning "
    "--graceful-timeout {grace} --keep-alive {keep_alive} -c tests/live_apps/gunicorn_conf.py "
    "tests.live_apps.{app}:app"
)


def token(name: str, number: int) -> str:
    """One token of a text."""
    return f"{name} {number}: \u00e9\n\U0001f600 " + "x" * (number % 7)


def text_of(name: str, number: int) -> str:
    """The text of so many tokens."""
    return "".join(token(name, each) for each in range(number))


@contextlib.contextmanager
def produced(
    url: str, app: str = "produced", workers: int = 2, grace: int = 5, keep_alive: int = 2
) -> "Iterator[ProducedServer]":
    """The application on gunicorn, with its streams in the Redis at ``url``."""
    command = GUNICORN.format(workers=workers, grace=grace, keep_alive=keep_alive, app=app)
    with serving(command, REDIS_URL=url) as live:
        yield ProducedServer(live)


class ProducedServer:
    """A running gunicorn.

    :ivar live: the server itself.
    """

    def __init__(self, live: LiveServer) -> None:
        self.live = live

    def post(self, path: str, body: Any = None) -> Any:
        """The JSON answer to a POST request; ``None`` where it has none."""
        with self.request("POST", path, body) as reader:
            answer = reader.response.read()
        return json.loads(answer) if answer else None

    def request(self, method: str, path: str, body: Any = None, last: str = "") -> Any:
        """A request, and the reader of its answer."""
        headers = {"Content-Type": "application/json", **({"Last-Event-ID": last} if last else {})}
        return self.live.request(method, path, body=json.dumps(body), headers=headers)

    @contextlib.contextmanager
    def reading(
        self, stream_id: str, last: str = "", elsewhere_than: Optional[int] = None
    ) -> "Iterator[Reading]":
        """Read a stream.

        :param elsewhere_than: the worker that must not be asked.
        """
        while True:
            with self.request("GET", f"/read/{stream_id}", last=last) as reader:
                reading = Reading(reader, last)
                if reading.worker != elsewhere_than:
                    yield reading
                    return

    def signal(self, number: int) -> None:
        """Send a signal to the master."""
        os.kill(self.live.pid, number)


class Reading:
    """One connection of a reader.

    :ivar worker: the process that serves it.
    :ivar text: the text that it has got.
    :ivar last_event_id: what it would come back with.
    :ivar end: the last event; ``None`` where it was none of an end.
    """

    def __init__(self, reader: Reader, last: str = "") -> None:
        self.reader = reader
        self.worker = int(reader.response.headers["X-Worker"])
        self.text = ""
        self.end: Any = None
        self.raw = b""
        self._decoder = EventStreamDecoder()
        self.last_event_id = last

    def read(self) -> bool:
        """Read what has come; ``False`` at the end, or where the connection was cut."""
        try:
            piece = self.reader.response.read1(65536)
        except (OSError, ValueError):
            return False
        except Exception as error:  # http.client: the chunks do not end as they should
            assert type(error).__module__ == "http.client"
            return False
        self.raw += piece
        for event in self._decoder.feed(piece):
            if event.event == "message":
                self.text += event.data
            elif event.event in ("ended", "error"):
                self.end = event
        self.last_event_id = self._decoder.last_event_id or self.last_event_id
        return bool(piece)

    def read_until(self, text: str) -> None:
        """Read until the text has these words."""
        while text not in self.text:
            assert self.read(), f"the connection ended behind {self.text!r}"

    def read_to_the_end(self) -> "Reading":
        """Read until the connection ends."""
        while self.read():
            continue
        return self


def kill(pid: int) -> None:
    """End a process as the kernel does."""
    os.kill(pid, signal.SIGKILL)
