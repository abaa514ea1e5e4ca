"""A browser's ``EventSource`` comes back to a worker that is told to end, and is not lost."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket

import pytest

from flask_llmstream import ServerSentEvent, producer
from flask_llmstream.replay.redis.storage import RedisStorage
from tests.support.chosen_connections import ChosenConnections
from tests.support.eventually import eventually
from tests.support.produced import produced
from tests.support.redis_servers import redis_server

BROWSERS = [
    "Chromium",
    pytest.param("Firefox", marks=pytest.mark.thorough),
    pytest.param("WebKit", marks=pytest.mark.thorough),
]

READ = """
window.text = "";
window.source = new EventSource(arguments[0]);
source.onmessage = ({ data }) => (window.text += data);
source.addEventListener("ended", () => source.close());
"""


@pytest.fixture
def redis():
    with redis_server() as server:
        yield server


@pytest.fixture
def site(redis):
    """Two workers, which leave idle connections open for as long as the test takes."""
    with produced(redis.url, grace=30, keep_alive=60) as site:
        yield site


@pytest.fixture
def connect(site):
    """Make a connection that is open, and tell its worker: one of these, if any are given."""
    with contextlib.ExitStack() as stack:

        def connect(*workers, but=None):
            while True:
                client = http.client.HTTPConnection("127.0.0.1", site.live.port)
                client.request("POST", "/ids")
                response = client.getresponse()
                response.read()
                worker = int(response.headers["X-Worker"])
                if worker != but and worker in (workers or [worker]):
                    stack.callback(client.close)
                    return client, worker
                client.close()

        yield connect


@pytest.mark.parametrize("browser", BROWSERS, indirect=True)
def test_an_answer_goes_on_behind_a_worker_that_is_drained(browser, redis, site, connect):
    stream_id = site.post("/ids")["id"]
    first, ending = connect()
    again, _ = connect(ending)
    command, _ = connect(ending)
    elsewhere, staying = connect(but=ending)
    ways = [each.sock for each in (first, again, elsewhere)]
    with contextlib.closing(ChosenConnections(ways)) as proxy, contextlib.closing(
        RedisStorage(redis.url)
    ) as storage, producer(stream_id, storage, format="text") as emitter:
        emitter.send(ServerSentEvent("Once", retry=1))
        browser.open(f"http://127.0.0.1:{proxy.port}/")
        browser.run(READ, f"/v1/chat/streams/{stream_id}")
        browser.wait("text === 'Once'")
        command.request("POST", "/end")
        assert command.getresponse().status == 204
        first.sock.shutdown(socket.SHUT_RDWR)  # the reader comes back, and still to this worker
        eventually(lambda: len(proxy.answers) == 3)
        emitter.send(" upon a time")
        browser.wait("text === 'Once upon a time'")
        emitter.complete()
        browser.wait("source.readyState === EventSource.CLOSED")
    assert len(proxy.answers) == 3
    sent_off, rest = map(bytes, proxy.answers[1:])
    assert re.fullmatch(rb"HTTP/1\.1 200 .*\r\n\r\nretry: [1-5]\d{3}\n", sent_off, re.DOTALL)
    assert b"X-Worker: %d\r\n" % ending in sent_off
    assert b"X-Worker: %d\r\n" % staying in rest
