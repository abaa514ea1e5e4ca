"""All readers of the matrix, by their names."""

from __future__ import annotations

import pathlib
import sys
from typing import Any, List, NamedTuple, Tuple

HERE = pathlib.Path(__file__).parent
WORK = HERE / ".work"
PYTHON = WORK / "venv" / "bin" / "python"
EVENTS = ("message", "text", "openai")
LINES = (*EVENTS, "ndjson")
ANSWERS = ("message", "openai", "ndjson")


class Reader(NamedTuple):
    """A reader that is a program.

    :ivar command: the program; the method, the URL and the body follow.
    :ivar method: of its requests. A reader that can send both is tried with POST.
    :ivar formats: those that it can read at all.
    :ivar reads_text: whether it gives the text alone, and no events.
    """

    name: str
    command: List[str]
    method: str = "POST"
    formats: Tuple[str, ...] = EVENTS
    reads_text: bool = False


class PageReader(NamedTuple):
    """A reader that is a page's script.

    :ivar browser: the engine that it runs in.
    :ivar kind: its name in ``page_reader.js``.
    """

    name: str
    browser: str
    kind: str
    method: str = "GET"
    formats: Tuple[str, ...] = EVENTS
    reads_text: bool = False


def _python(name: str, *more: Any) -> Reader:
    return Reader(name, [str(PYTHON), str(HERE / "python_readers.py"), name], *more)


def _by_hand(name: str, *more: Any) -> Reader:
    return Reader(name, [sys.executable, str(HERE / "python_readers.py"), name], *more)


def _node(name: str, *more: Any) -> Reader:
    return Reader(name, ["node", str(HERE / "node_readers.mjs"), name], *more)


BY_HAND = [
    _by_hand("EventStreamDecoder"),
    _by_hand("lines that start with data:", "POST", LINES),
    _by_hand("blocks, their data lines"),
    _by_hand("blocks that start with data:"),
    _by_hand("each read is an event"),
    _by_hand("each blank line is an event"),
]
PACKAGED = [
    _node("eventsource 2", "GET"),
    _node("eventsource 3", "GET"),
    _node("eventsource 4", "GET"),
    _node("launchdarkly-eventsource (Node)", "GET"),
    _node("eventsource-parser"),
    _node("fetch-event-stream"),
    _node("fetch-event-source, guarded"),
    _node("fetch-event-source, plain"),
    _node("openai (Node)", "POST", ("openai",)),
    _python("openai (Python)", "POST", ("openai",)),
    _python("httpx-sse"),
    _python("sseclient-py"),
    _python("sseclient", "GET"),
    _python("requests-sse"),
    _python("aiohttp-sse-client"),
    _python("launchdarkly-eventsource (Python)", "GET"),
    _python("httpx.iter_lines", "POST", LINES),
    _python("requests.iter_lines", "POST", LINES),
    Reader("curl -N", [sys.executable, "-m", "tests.readers.lines", "curl"], "POST", LINES),
    Reader("Java, ofLines", [sys.executable, "-m", "tests.readers.lines", "java"], "POST", LINES),
]
IN_PAGES = [
    PageReader("EventSource of Chromium", "Chromium", "EventSource"),
    PageReader("EventSource of Firefox", "Firefox", "EventSource"),
    PageReader("EventSource of WebKit", "WebKit", "EventSource"),
    PageReader("sse.js", "Chromium", "sse.js", "POST"),
    PageReader("event-source-polyfill", "Chromium", "event-source-polyfill"),
    PageReader("reconnecting-eventsource, listeners", "Chromium", "reconnecting, listeners"),
    PageReader("reconnecting-eventsource, onmessage", "Chromium", "reconnecting, onmessage"),
]
OURS = [
    _by_hand("EventSource, text()", "POST", LINES, True),
    *(
        PageReader(f"llmstream.js in {browser}", browser, "llmstream.js", "POST", ANSWERS, True)
        for browser in ("Chromium", "Firefox", "WebKit")
    ),
]
"""The clients of this package. How they come back is tested elsewhere."""
