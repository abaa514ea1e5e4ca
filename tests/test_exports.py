"""What the package gives from its root, and that importing it does nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

import flask_llmstream

NAMES = {
    "Anthropic",
    "Backoff",
    "CallableProvider",
    "CompletionRequest",
    "ConfigurationError",
    "ConnectionFailed",
    "Counter",
    "Delta",
    "Emitter",
    "EventSource",
    "EventSourceError",
    "EventStreamDecoder",
    "EventStreamMiddleware",
    "EventTooLarge",
    "Format",
    "LLMStream",
    "LLMStreamError",
    "MessageEvent",
    "NotAnEventStream",
    "OpenAICompatible",
    "Overflow",
    "Provider",
    "ProviderError",
    "ReplayUnavailable",
    "RequestError",
    "Router",
    "ServerFailure",
    "ServerSentEvent",
    "StreamClosed",
    "StreamError",
    "StreamGone",
    "StreamIsProduced",
    "StreamOverflow",
    "StreamNotStarted",
    "StreamRefused",
    "StreamShutdown",
    "StreamStalled",
    "StreamTimeout",
    "StreamTruncated",
    "Summary",
    "ToolCallDelta",
    "UnsendableItem",
    "Usage",
    "producer",
    "smooth",
    "stream_finished",
}
USED_INSIDE = {"TYPE_CHECKING", "Any", "List", "annotations", "import_module"}


def public_names() -> Any:
    values = {name: getattr(flask_llmstream, name) for name in dir(flask_llmstream)}
    return {
        name
        for name, value in values.items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }


def test_the_root_gives_exactly_these_names() -> None:
    assert public_names() - USED_INSIDE == NAMES


def test_each_name_is_there() -> None:
    assert all(hasattr(flask_llmstream, name) for name in NAMES)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'flask_llmstream' has no attribute 'LlmStream'"):
        flask_llmstream.LlmStream


def test_what_was_loaded_when_asked_for_is_the_room_s_own() -> None:
    from flask_llmstream.client.event_source import EventSource
    from flask_llmstream.providers.anthropic import Anthropic
    from flask_llmstream.providers.openai_compatible import OpenAICompatible

    assert flask_llmstream.Anthropic is Anthropic
    assert flask_llmstream.EventSource is EventSource
    assert flask_llmstream.OpenAICompatible is OpenAICompatible


def test_it_has_a_version() -> None:
    assert flask_llmstream.__version__


# What an import does, seen from a process of its own.


def seen_after(statement: str, question: str) -> Any:
    """What the question is answered in a fresh process, after the statement."""
    script = f"import json, sys\n{statement}\nprint(json.dumps({question}))"
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


IMPORT = "import flask_llmstream"


@pytest.mark.parametrize("library", ["asyncio", "reactivex", "requests", "urllib3", "redis"])
def test_importing_loads_no_library_for_a_source_of_its_own(library: str) -> None:
    assert not seen_after(IMPORT, f"{library!r} in sys.modules")


@pytest.mark.parametrize("name", ["Anthropic", "EventSource", "OpenAICompatible"])
def test_asking_for_what_needs_it_loads_requests(name: str) -> None:
    statement = f"from flask_llmstream import {name}"
    assert seen_after(statement, "'requests' in sys.modules")


def test_streaming_a_generator_loads_nothing_for_other_sources() -> None:
    statement = """
from flask import Flask
from flask_llmstream import LLMStream
from werkzeug.test import create_environ, run_wsgi_app
app = Flask(__name__)
streams = LLMStream(app)
app.add_url_rule("/", "view", lambda: streams.response(["one"]))
assert b"one" in b"".join(run_wsgi_app(app, create_environ("/"))[0])
"""
    assert not seen_after(statement, "'asyncio' in sys.modules")


def test_importing_starts_no_thread() -> None:
    assert seen_after(f"{IMPORT}, os", "len(os.listdir('/proc/self/task'))") == 1


def test_importing_opens_no_descriptor() -> None:
    """A hub would hold several: none is made before a server had its chance to fork.

    ``ctypes`` opens one where libffi keeps its own file open, as Debian's newest does.
    """
    opened = "sorted(map(int, os.listdir('/proc/self/fd')))"
    assert seen_after(f"{IMPORT}, os", opened) == seen_after("import ctypes, os", opened)


def test_importing_patches_nothing() -> None:
    statement = f"{IMPORT}\nfrom gevent import monkey"
    modules = "['os', 'select', 'signal', 'socket', 'ssl', 'subprocess', 'threading', 'time']"
    patched = f"[name for name in {modules} if monkey.is_module_patched(name)]"
    assert seen_after(statement, patched) == []
