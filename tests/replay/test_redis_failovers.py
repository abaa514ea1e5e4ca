"""A cluster of three masters and three replicas, one of which takes its master's place."""

from __future__ import annotations

import contextlib
import uuid
from typing import NamedTuple

import pytest

from flask_llmstream.errors import ReplayUnavailable
from flask_llmstream.replay.base import Limits
from flask_llmstream.replay.redis.storage import RedisStorage
from tests.replay.contract import HEAD, STREAM, Read, event, events, nothing, read_all, read_on
from tests.replay.test_redis_faults import Producer
from tests.support.eventually import eventually
from tests.support.redis_servers import RedisServer, cluster, is_whole

pytestmark = pytest.mark.thorough

LEASE = 2.0


class Side(NamedTuple):
    """The servers of one stream's slot."""

    master: RedisServer
    replica: RedisServer

    def cut(self) -> None:
        """Let the replica get what there is, and nothing more, nor know that there is more."""
        sent = self.master.client.info("replication")["master_repl_offset"]
        eventually(lambda: self.replica.client.info("replication")["slave_repl_offset"] >= sent)
        self.master.client.execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
        self.master.client.execute_command("CLIENT", "KILL", "TYPE", "replica")
        eventually(lambda: self.replica.client.info("replication")["master_link_status"] == "down")

    def lose_the_master(self) -> None:
        """Kill the master, and wait for the promotion of its replica."""
        self.master.kill()
        eventually(lambda: self.is_promoted())

    def is_promoted(self) -> bool:
        return self.replica.client.info("replication")["role"] == "master"


@pytest.fixture(scope="module")
def six_nodes():
    with cluster(replicas=1) as found:
        yield found


@pytest.fixture
def nodes(six_nodes):
    """The nodes, all of which run, and whose replicas have what their masters have."""
    _, nodes = six_nodes
    yield nodes
    for node in nodes:
        node.revive()
        node.client.execute_command("ACL", "SETUSER", "default", "+@all")
    for node in nodes:
        eventually(lambda: is_whole(node, replicas=1))
    for node in nodes:
        node.forget_client()  # one that was killed has a new one


@pytest.fixture
def prefix():
    return uuid.uuid4().hex


@pytest.fixture
def storage_of(six_nodes, prefix):
    """Make the storage of one more process. Its URL names all nodes, as any may be gone."""
    places = ",".join(f"127.0.0.1:{node.port}" for node in six_nodes[1])
    with contextlib.ExitStack() as stack:

        def storage_of(scheme="redis", **limits):
            url = f"{scheme}+cluster://{places}"
            storage = RedisStorage(url, Limits(**limits), prefix, lease=LEASE)
            stack.callback(storage.close)
            return storage

        yield storage_of


@pytest.fixture
def side(nodes, prefix):
    """The servers of the stream's slot, once it is there."""

    def side():
        (master,) = (node for node in nodes if is_master(node) and keys(node))
        replica = eventually(lambda: next(filter(has_copy, nodes), None))
        return Side(master, replica)

    def keys(node):
        return list(node.client.scan_iter(f"{{{prefix}*{STREAM}:events"))

    def is_master(node):
        return node.client.info("replication")["role"] == "master"

    def has_copy(node):
        return not is_master(node) and keys(node)

    return side


def anew(storage):
    """Read the stream, once all nodes know where it is now."""

    def reading():
        with contextlib.suppress(ReplayUnavailable):
            return storage.read(STREAM)

    return eventually(reading)


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
@pytest.mark.parametrize("how", ["asked", "killed"])
def test_a_stream_and_its_readers_go_on_with_the_replica(storage_of, side, how, scheme):
    producer = Producer(storage_of(scheme).record(STREAM, HEAD, nothing))
    try:
        with contextlib.closing(storage_of(scheme).read(STREAM)) as reading:
            assert read_on(reading, 0, 10).events.startswith(events(1, 10))
            servers = side()
            if how == "asked":
                servers.replica.client.execute_command("CLUSTER", "FAILOVER")
                eventually(servers.is_promoted)
            else:
                servers.lose_the_master()
            producer.makes(20)
            assert producer.end() == read_all(reading)
        with contextlib.closing(anew(storage_of())) as again:
            assert read_all(again) == Read(events(1, producer.made), 0, b"the end", "complete")
    finally:
        producer.end()


def test_what_was_not_replicated_is_sent_again_while_its_producer_lives(storage_of, side):
    producer = Producer(storage_of().record(STREAM, HEAD, nothing))
    try:
        with contextlib.closing(storage_of().read(STREAM)) as reading:
            assert read_on(reading, 0, 10).events.startswith(events(1, 10))
            servers = side()
            servers.cut()
            producer.makes(50)
            servers.lose_the_master()
            producer.makes(20)
            assert producer.end() == read_all(reading)
        with contextlib.closing(anew(storage_of())) as again:
            assert read_all(again) == Read(events(1, producer.made), 0, b"the end", "complete")
    finally:
        producer.end()


def test_what_the_producer_keeps_no_more_is_told_as_lost(storage_of, side):
    recording = storage_of(max_events=50).record(STREAM, HEAD, nothing)
    recording.append(event(1))
    assert recording.flush(10)
    servers = side()
    servers.cut()
    for number in range(2, 201):
        recording.append(event(number))
    assert recording.flush(10)
    servers.lose_the_master()
    recording.append(event(201))
    recording.finish(b"the end", "complete")
    with contextlib.closing(anew(storage_of())) as reading:
        read = read_all(reading)
    assert read.lost >= 150
    assert read == Read(event(1) + events(read.lost + 2, 201), read.lost, b"the end", "complete")


def test_a_note_that_was_not_replicated_is_forgotten(storage_of, side):
    storage = storage_of()
    storage.record(STREAM, HEAD, nothing)
    servers = side()
    servers.cut()
    storage.set_note(STREAM, "what was noted")  # in the slot of the stream of that name
    assert storage.note(STREAM) == "what was noted"
    servers.lose_the_master()
    with contextlib.closing(anew(storage_of())):
        assert storage.note(STREAM) is None


def test_an_end_that_was_not_replicated_is_no_end_for_later_readers(storage_of, side):
    """The producer has gone: nobody can send it again."""
    recording = storage_of().record(STREAM, HEAD, nothing)
    recording.append(event(1))
    assert recording.flush(10)
    servers = side()
    servers.cut()
    with contextlib.closing(storage_of().read(STREAM)) as reading:
        recording.append(event(2))
        recording.finish(b"the end", "complete")
        assert read_all(reading) == Read(events(1, 2), 0, b"the end", "complete")
    eventually(lambda: not list(servers.master.client.scan_iter(f"*{STREAM}:lease")))
    servers.lose_the_master()
    with contextlib.closing(anew(storage_of())) as late:
        assert read_all(late) == Read(event(1), 0, HEAD.lost, "lost")
