"""``weather``: a model that calls a tool, for the page with ``useChat``. The model beside it calls
none."""

from __future__ import annotations

import json
import re
import time
from typing import Iterator, Union

from flask_llmstream import CompletionRequest, Delta, ToolCallDelta, Usage

NAME = "weather"
_CITY = re.compile(r"\b(?:in|for|at) ([A-Z]\w+)")
_DEFAULT_CITY = "Paris"


def weather(request: CompletionRequest) -> Iterator[Union[str, Delta, Usage]]:
    """Call ``get_weather``, which the page runs; then tell its result."""
    last = request.messages[-1] if request.messages else {}
    if last.get("role") == "tool":
        words = ["The ", "page's ", "tool ", "says: ", str(last.get("content")), "."]
    else:
        found = _CITY.search(str(last.get("content")))
        city = found[1] if found else _DEFAULT_CITY
        yield Delta(reasoning=f"The weather in {city} is asked for. ")
        yield Delta(reasoning="There is a tool for that.")
        yield "Let me look. "
        yield from _call(city)
        words = []
    for word in words:
        time.sleep(0.05)
        yield word
    yield Usage(finish_reason="stop" if words else "tool_calls")


def _call(city: str) -> Iterator[Delta]:
    arguments = json.dumps({"city": city})
    first, rest = arguments[:8], arguments[8:]
    yield Delta(tool_calls=[ToolCallDelta(0, f"weather-{time.time_ns()}", "get_weather", first)])
    yield Delta(tool_calls=[ToolCallDelta(0, arguments=rest)])
