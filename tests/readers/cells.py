"""One cell of the matrix: one reader on one answer in one format."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import signal
import subprocess
import threading
from contextlib import suppress
from functools import partial
from typing import Any, Callable, Iterable, List, NamedTuple, Optional, Tuple

from tests.support.servers import HANG_GUARD, LiveServer
from tests.support.webdriver import Browser

QUIET = 1.5
"""Seconds. A reader that does not ask for so long stays away, if it does not say what it does; it
may come back after 50 ms."""
ENOUGH = 4
"""A reader that has asked so often asks again and again."""
PAGE_READER = pathlib.Path(__file__).with_name("page_reader.js").read_text(encoding="utf-8")
HAS_CLOSED = "return window.source?.readyState === undefined ? null : source.readyState === 2"
"""JavaScript. One that is open or connects is not quiet: a busy browser takes its time."""
_numbers = itertools.count(1)
HasEnded = Callable[[], Optional[bool]]
"""Whether a reader has ended; ``None`` where it does not say."""


class Outcome(NamedTuple):
    """What came of it.

    :ivar text: what the reader's user has read; ``None`` where an event could not be parsed.
    :ivar statuses: the statuses of its requests.
    :ivar ids: the last event IDs that they brought.
    :ivar empty: how many events without data it got.
    :ivar told: what else it said: a status, an error.
    """

    text: Optional[str]
    statuses: List[int]
    ids: List[str]
    empty: int
    told: str

    @property
    def asks_again(self) -> bool:
        """Whether the answer was made more than once."""
        return self.statuses.count(200) > 1


class Asked(NamedTuple):
    """A request for one answer."""

    name: str
    method: str
    path: str
    body: Any

    @property
    def arguments(self) -> Tuple[str, str, str]:
        return self.method, self.path, json.dumps(self.body)


def asked(method: str, format: str, situation: str) -> Asked:
    """A new cell's request."""
    name = f"{next(_numbers)}-{situation}"
    if method == "GET":
        path = f"/{name}/v1/chat/stream?prompt={situation}&format={format}"
        return Asked(name, method, path, None)
    body = {"messages": [{"role": "user", "content": situation}], "stream": True}
    return Asked(name, method, f"/{name}/v1/chat/completions?format={format}", body)


def run_program(server: LiveServer, one: Asked, format: str, command: List[str]) -> Outcome:
    """Run a reader in a process of its own, until it ends or asks no more."""
    url = f"http://127.0.0.1:{server.port}{one.path}"
    arguments = [*command, one.method, url, json.dumps(one.body)]
    outputs: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    lines: List[str] = []
    with subprocess.Popen(arguments, start_new_session=True, **outputs) as process:
        reading = threading.Thread(target=lines.extend, args=[process.stdout])
        reading.start()
        try:
            told = wait_until_quiet(server, one.name, lambda: process.poll() is not None or None)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and the program that it runs
            reading.join()
    return outcome(lines, told, format)


def run_page(server: LiveServer, browser: Browser, one: Asked, format: str, kind: str) -> Outcome:
    """Let a page of a browser read, until its reader closes or asks no more."""
    browser.open(f"http://127.0.0.1:{server.port}/")
    browser.run(PAGE_READER, kind, one.path, json.dumps(one.body))
    try:
        told = wait_until_quiet(server, one.name, partial(browser.run, HAS_CLOSED))
        lines = browser.run("return heard.map((said) => JSON.stringify(said))")
    finally:
        browser.open("about:blank")
    return outcome(lines, told, format)


def wait_until_quiet(server: LiveServer, name: str, has_ended: HasEnded) -> Any:
    """What the server tells of a cell, once its reader stays away or asks again and again."""
    pause = threading.Event()
    while True:
        is_over = has_ended()
        told = server.get(f"/told/{name}")
        patience = QUIET if is_over is None else HANG_GUARD
        if is_over or (told["statuses"] and told["quiet"] > patience):
            return told
        if len(told["statuses"]) >= ENOUGH:
            return told
        pause.wait(0.05)


def outcome(lines: Iterable[str], told: Any, format: str) -> Outcome:
    """What came of the lines that a reader printed."""
    events, words = [], []
    for line in lines:
        parsed = _parsed(line)
        if parsed is None or parsed[0] == "status" or parsed[1] is None:
            words.append(line.strip())
        else:
            events.append((parsed[0] or "message", parsed[1]))
    empty = sum(data == "" for _, data in events)
    text = read(events, format)
    return Outcome(text, told["statuses"], told["ids"], empty, "; ".join(words))


def _parsed(line: str) -> Any:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, list) else None


def read(events: Iterable[Tuple[str, str]], format: str) -> Optional[str]:
    """The text of an answer, as a page adds it up that knows the format and no more: the data of
    every event is parsed, whatever its type. A reader of texts gives events of the type
    ``text``."""
    texts = [data for event, data in events if event == "text"]
    if texts:  # the reader has read them already
        return "".join(texts)
    shown = [data for event, data in events if event not in ("error", "gap")]
    if format == "text":
        return "".join(shown)
    try:
        return "".join(_delta(data) for data in shown if data != "[DONE]")
    except ValueError:
        return None


def _delta(data: str) -> str:
    said = json.loads(data)
    if "choices" not in said:
        return said.get("message") or said.get("text") or ""
    return "".join(choice["delta"].get("content") or "" for choice in said["choices"])
