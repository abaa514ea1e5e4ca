"""docs/replay-layout.md, followed step by step by a program that has only a client of Redis."""

from __future__ import annotations

import contextlib
import json
import re
from zlib import crc32

import pytest

from flask_llmstream.replay.redis.storage import RedisStorage
from tests.replay.contract import (
    HEAD,
    STREAM,
    Read,
    event,
    events,
    nothing,
    read_all,
    read_on,
)
from tests.support.eventually import eventually
from tests.support.programs import ROOT

DOCUMENT = (ROOT / "docs" / "replay-layout.md").read_text("utf-8")
END = 18446744073709551615


@pytest.fixture
def new_storage(server, prefix):
    """Make the storage of one more process."""
    with contextlib.ExitStack() as stack:

        def new_storage():
            return stack.enter_context(contextlib.closing(RedisStorage(server.url, prefix=prefix)))

        yield new_storage


@pytest.fixture
def storage(new_storage):
    return new_storage()


@pytest.fixture
def another(server, prefix):
    return Another(server.client, prefix)


class Another:
    """A program in another language."""

    def __init__(self, client, prefix):
        self.client = client
        bucket = crc32(STREAM.encode()) % 16
        self.key = f"{{{prefix}:{bucket:02d}}}:stream:{STREAM}:"

    def read(self):
        """Steps 1 to 4 of reading along."""
        ((last, _),) = self.client.xrevrange(self.key + "events", count=1)
        after, number, got, lost = last.split(b"-")[0] + b"-0", 0, b"", 0
        while True:
            for _, entries in self.client.xread({self.key + "events": after}, block=1000):
                for after, fields in entries:
                    for field, value in fields.items():
                        if field.isdigit() and int(field) > number:
                            got, lost = got + value, lost + int(field) - number - 1
                            number = int(field)
                    if after.endswith(b"-%d" % END):
                        lost += int(fields[b"last"]) - number
                        return Read(got, lost, fields[b"frame"], fields[b"end"].decode())

    def stop(self):
        self.client.set(self.key + "stopped", 1, ex=60)
        _, _, inbox = self.client.get(self.key + "lease").partition(b":")
        self.client.xadd(inbox, {"stop": STREAM}, maxlen=1000)
        self.client.expire(inbox, 60)


def test_it_reads_along(storage, another):
    recording = storage.record(STREAM, HEAD, nothing)
    recording.append(event(1))
    assert recording.flush(10)
    recording.append(event(2))
    recording.finish(b"the end", "complete")
    assert another.read() == Read(events(1, 2), 0, b"the end", "complete")
    head = another.client.hgetall(another.key + "head")
    assert head[b"v"] == b"1" and json.loads(head[b"headers"]) == HEAD.headers


def test_it_stops_a_stream(storage, another):
    reasons = []
    storage.record(STREAM, HEAD, reasons.append)
    another.stop()
    eventually(lambda: reasons == ["cancelled"])


def test_it_produces_a_stream(storage, another):
    client, key = another.client, another.key
    assert client.set(key + "lease", "random:mine", nx=True, px=5000)
    client.xadd(key + "events", {"begin": "random:mine"}, "1-0")
    client.hset(key + "head", mapping={"v": 1, "run": 1, "content_type": "text/plain"})
    with contextlib.closing(storage.read(STREAM)) as reading:
        assert reading.head.content_type == "text/plain"
        client.xadd(key + "events", {1: event(1), 2: event(2)}, "1-2", nomkstream=True)
        assert read_on(reading, 0, 2).events == events(1, 2)
        end = {"end": "complete", "frame": "the end", "last": 2}
        client.xadd(key + "events", end, f"1-{END}")
        assert read_all(reading, 2) == Read(b"", 0, b"the end", "complete")


@pytest.mark.parametrize(
    "fields",
    [
        {"v": "2"},
        {"v": "1", "headers": "[", "created": "soon", "owner": b"\xff\xfe"},
        {"v": "1", "headers": "[1]", "run": "-5"},
        {},
    ],
    ids=["another version", "no text", "no object", "nothing"],
)
def test_a_head_that_another_program_wrote_is_checked(storage, new_storage, another, fields):
    storage.record(STREAM, HEAD, nothing)
    another.client.delete(another.key + "head")
    another.client.hset(another.key + "head", mapping={"created": "x", **fields})
    reading = new_storage().read(STREAM)
    assert (reading is None) == (fields.get("v") != "1")
    if reading is not None:
        assert (reading.head.headers, reading.head.created) == ({}, 0)
        reading.close()


def test_every_key_is_documented_and_expires(storage, new_storage, another, prefix):
    storage.record(STREAM, HEAD, nothing).append(event(1))
    storage.add_note("a key", "a value")
    elsewhere = new_storage()
    elsewhere.stop("another")
    with contextlib.closing(elsewhere.read(STREAM)) as reading:
        read_on(reading, 0, 1)

        def all_keys():
            keys = [key.decode() for key in another.client.scan_iter(f"{{{prefix}:*")]
            return any(":process:" in key for key in keys) and keys  # it is told that it reads

        keys = eventually(all_keys)
        kinds = {re.sub(r"{.*?}:(stream|\w+):[^:]*", r"\1", key) for key in keys}
        documented = re.findall(r"`<tag>:(\w+):<\w+>(:\w+)?`", DOCUMENT)
        assert kinds == {"".join(pair) for pair in documented}
        assert all(another.client.pttl(key) > 0 for key in keys)
