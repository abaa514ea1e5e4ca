"""Two hosts with a gunicorn each, and a third with their Redis. A cable between them is pulled for
longer than a lease: neither side is told anything by its network."""

from __future__ import annotations

import contextlib
import shutil

import pytest

from flask_llmstream import producer
from flask_llmstream.errors import StreamIsProduced
from flask_llmstream.replay.redis.storage import RedisStorage
from tests.conftest import needs
from tests.support.eventually import eventually
from tests.support.produced import produced, text_of, token
from tests.support.redis_servers import redis_server
from tests.support.two_hosts import HostsOfASite, can_be_made

pytestmark = pytest.mark.thorough


class Site:
    """One host's gunicorn. It is asked on its own host.

    :ivar host: the host.
    """

    def __init__(self, host, url, stack):
        self.host = host
        self.url = url
        self._gunicorn = self._enter(stack, lambda: produced(url, workers=1))

    def _enter(self, stack, make):
        return self.host.call(lambda: stack.enter_context(make()))

    def begin(self, stack, name, *arguments):
        """Begin an answer: its reader, and its ID."""
        reader = self._enter(
            stack, lambda: self._gunicorn.request("POST", f"/answers/{name}", arguments)
        )
        return reader, reader.response.headers["X-Stream-ID"]

    def reading(self, stack, *arguments):
        return self._enter(stack, lambda: self._gunicorn.reading(*arguments))

    def post(self, path):
        return self.host.call(lambda: self._gunicorn.post(path))

    def storage(self, stack):
        """Redis, as another process of this host sees it."""
        return stack.enter_context(contextlib.closing(RedisStorage(self.url)))


@pytest.fixture(scope="module")
def hosts():
    needs("ip", shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin"))
    if not can_be_made():
        pytest.skip("network namespaces are not allowed here")
    with HostsOfASite(2) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def sites(hosts):
    everywhere = ("--bind", "0.0.0.0", "--protected-mode", "no")
    with contextlib.ExitStack() as stack:
        server = hosts.redis.call(lambda: stack.enter_context(redis_server(*everywhere)))
        url = f"redis://{hosts.redis.address}:{server.port}"
        yield [Site(host, url, stack) for host in hosts.web]


@pytest.fixture
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


def test_a_stream_of_one_host_is_read_resumed_and_stopped_at_the_other(sites, stack):
    here, there = sites
    reader, stream_id = here.begin(stack, "a", 1000, 0.02)
    live = there.reading(stack, stream_id)
    live.read_until(token("a", 5))
    live.reader.response.close()
    resumed = there.reading(stack, stream_id, live.last_event_id)
    resumed.read_until(": ")  # whatever came meanwhile
    there.post(f"/stop/{stream_id}")
    assert '"reason":"cancelled"' in resumed.read_to_the_end().end.data
    assert b'"reason":"cancelled"' in b"\n".join(reader.blocks())
    text = live.text + resumed.text
    assert text_of("a", 1000).startswith(text)


def test_a_producer_that_was_cut_off_is_fenced_off_when_it_is_back(hosts, sites, stack):
    here, there = sites
    reader, stream_id = here.begin(stack, "b", 3000, 0.02)
    reading = there.reading(stack, stream_id)
    reading.read_until(token("b", 5))
    hosts.unplug(here.host)
    assert '"code":"producer_lost"' in reading.read_to_the_end().end.data
    assert text_of("b", 3000).startswith(reading.text)
    emitter = there.host.call(lambda: anew(stack, stream_id, there.storage(stack)))
    emitter.send("anew")
    hosts.plug(here.host)
    assert b'"code":"producer_lost"' in b"\n".join(reader.blocks())
    emitter.send(", and on")
    emitter.complete()
    again = there.reading(stack, stream_id)
    assert again.read_to_the_end().text == "anew, and on"
    assert again.end.event == "ended"


def anew(stack, stream_id, storage):
    """Produce a stream that another has lost."""

    def begun():
        with contextlib.suppress(StreamIsProduced):
            return stack.enter_context(producer(stream_id, storage, format="text"))

    return eventually(begun)


def test_a_reader_that_was_cut_off_goes_on_when_it_is_back(hosts, sites, stack):
    here, there = sites
    reader, stream_id = here.begin(stack, "c", 500, 0.02)
    reading = there.reading(stack, stream_id)
    reading.read_until(token("c", 5))
    hosts.unplug(there.host)
    reader.blocks()
    hosts.plug(there.host)
    assert reading.read_to_the_end().text == text_of("c", 500)
    assert reading.end.event == "ended"
