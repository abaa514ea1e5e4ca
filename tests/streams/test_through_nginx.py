"""Through real servers and nginx a hard text arrives as it was said, for our clients, too.
``make test-fidelity`` tries the readers and clients of others."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from flask_llmstream import EventSource, EventStreamDecoder
from tests.conftest import needs
from tests.streams.answers import WAYS
from tests.streams.cases import HERE, TEXTS, differences
from tests.support.nginx import HTTP, behind_nginx
from tests.support.servers import GEVENT, HANG_GUARD, PYWSGI, THREADS, running
from tests.support.taking import taken_apart

OURS = ("texts", "texts_patched")
SERVED = [
    PYWSGI._replace(command="python -m tests.live_apps.texts_patched {port}"),
    GEVENT._replace(modules=OURS),
    THREADS._replace(modules=OURS),
]
BY_CLIENTS = ["message", "ndjson", "chat/stream", "chat/completions", "chat/completions, whole"]
"""The formats that tell a client their form. Bare text does not: it may look like an event."""
BY_ITSELF = ["all", "bom_first", "looks_like_done_alone", "half_alone_last"]
"""What a text has to be alone for, and all of them as one."""


@pytest.fixture(scope="module", params=SERVED, ids=lambda server: server.name)
def any_nginx(request):
    with running(request.param) as live, behind_nginx(live, HTTP) as nginx:
        yield nginx


@pytest.fixture(scope="module")
def nginx():
    with running(SERVED[0]) as live, behind_nginx(live, HTTP) as nginx:
        yield nginx


def url(nginx, asked):
    return f"http://127.0.0.1:{nginx.port}{asked['path']}"


@pytest.mark.parametrize("way", WAYS)
def test_all_texts_arrive(any_nginx, way):
    asked = WAYS[way].request("all")
    with any_nginx.request(**asked) as reader:
        body = reader.response.read()
    assert differences(WAYS[way].text(body), WAYS[way].expected()) == {}


def test_in_segments_of_one_byte_the_decoder_gives_all_texts(nginx):
    way = WAYS["message"]
    _, pieces = taken_apart(nginx.port, way.request("all"))
    assert {len(piece) for piece in pieces} == {1}
    decoder = EventStreamDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    text = "".join(json.loads(event.data).get("message", "") for event in events)
    assert differences(text, way.expected()) == {}


@pytest.mark.parametrize("way", BY_CLIENTS)
@pytest.mark.parametrize("name", BY_ITSELF)
def test_the_client_in_python_gives_the_text(nginx, way, name):
    asked = WAYS[way].request(name)
    body = {"json": json.loads(asked["body"])} if asked["body"] else {}
    with EventSource(url(nginx, asked), **body) as source:
        assert_equal("".join(source.text()), name)
        assert source.ending.reason == "complete"


def test_the_client_in_javascript_gives_the_text(nginx):
    node = shutil.which("node")
    needs("node", node)
    names = [(way, name) for way in BY_CLIENTS for name in BY_ITSELF]
    asked = [WAYS[way].request(name) for way, name in names]
    told = [[one["method"], url(nginx, one), json.loads(one["body"] or "null")] for one in asked]
    command = [node, str(HERE / "read_answers.mjs"), json.dumps(told)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, timeout=HANG_GUARD, check=True)
    for (_, name), (reason, text) in zip(names, json.loads(ran.stdout)):
        assert reason == "complete"
        assert_equal(text, name)


def assert_equal(text, name):
    if name == "all":
        assert differences(text, {name: case.text for name, case in TEXTS.items()}) == {}
    else:
        assert text == TEXTS[name].text
