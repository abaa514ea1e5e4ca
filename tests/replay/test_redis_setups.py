"""The ways to run Redis: Sentinel, a cluster, TLS, a Unix domain socket; and their URLs."""

from __future__ import annotations

import contextlib
import sys
import uuid

import pytest

from flask_llmstream.errors import ConfigurationError
from flask_llmstream.replay.base import Limits
from flask_llmstream.replay.redis.servers import servers_of
from flask_llmstream.replay.redis.storage import RedisStorage
from flask_llmstream.replay.storages import storage_of
from tests.conftest import needs
from tests.replay.contract import (
    HEAD,
    STREAM,
    Read,
    SharedContract,
    event,
    events,
    nothing,
    read_all,
    read_on,
)
from tests.replay.test_redis_faults import Producer
from tests.support.certificates import certificate_for
from tests.support.eventually import eventually
from tests.support.redis_servers import cluster, free_port, has_tls, redis_server, sentinels

LEASE = 1.0


def works(*urls):
    """Record by the first URL, read by the last."""
    prefix = uuid.uuid4().hex
    here, there = (RedisStorage(url, prefix=prefix, lease=LEASE) for url in (urls[0], urls[-1]))
    try:
        recording = here.record(STREAM, HEAD, nothing)
        recording.append(event(1))
        with contextlib.closing(there.read(STREAM)) as reading:
            recording.finish(b"the end", "complete")
            assert read_all(reading) == Read(event(1), 0, b"the end", "complete")
    finally:
        here.close()
        there.close()


# Sentinel.


CLIENTS = pytest.mark.parametrize(
    "scheme", ["redis", pytest.param("valkey", marks=pytest.mark.thorough)]
)
"""Each client tells in its own way that a server has moved."""


@CLIENTS
def test_sentinel_and_a_failover(scheme):
    with sentinels() as (url, master, replica):
        url = url.replace("redis", scheme, 1)
        prefix = uuid.uuid4().hex
        here, there = (RedisStorage(url, prefix=prefix, lease=LEASE) for _ in range(2))
        producer = Producer(here.record(STREAM, HEAD, nothing))
        try:
            with contextlib.closing(there.read(STREAM)) as reading:
                assert read_on(reading, 0, 10).events.startswith(events(1, 10))
                master.kill()
                eventually(lambda: replica.client.info("replication")["role"] == "master")
                producer.makes(20)
                assert producer.end() == read_all(reading)
            assert replica.client.exists(*replica.client.scan_iter(f"{{{prefix}*:head"))
        finally:
            producer.end()
            here.close()
            there.close()
            master.start()  # so that it can be removed


@pytest.mark.thorough
def test_a_sentinel_that_is_gone_is_passed_over():
    with sentinels() as (url, *_):
        works(url.replace("127.0.0.1", f"127.0.0.1:{free_port()},127.0.0.1", 1))


# A cluster.


@pytest.fixture(scope="module")
def three_nodes():
    with cluster() as found:
        yield found


@pytest.mark.thorough
class TestRedisCluster(SharedContract):
    @pytest.fixture(autouse=True)
    def begin(self, three_nodes):
        self.url, self.prefix = three_nodes[0], uuid.uuid4().hex

    def new_storage(self, limits):
        return RedisStorage(self.url, limits, self.prefix, lease=LEASE)


def test_the_streams_of_a_cluster_are_on_all_nodes(three_nodes):
    url, nodes = three_nodes
    prefix = uuid.uuid4().hex
    storage, elsewhere = (RedisStorage(url, prefix=prefix, lease=LEASE) for _ in range(2))
    try:
        recordings = [storage.record(str(one), HEAD, nothing) for one in range(30)]
        assert len(elsewhere.running("somebody")) == 30
        readings = [elsewhere.read(str(one)) for one in range(30)]
        for recording in recordings:
            recording.append(event(1))
            recording.finish(b"the end", "complete")
        for reading in readings:
            assert read_all(reading) == Read(event(1), 0, b"the end", "complete")
            reading.close()
        assert all(list(node.client.scan_iter(f"{{{prefix}*")) for node in nodes)
    finally:
        storage.close()
        elsewhere.close()


@CLIENTS
def test_a_slot_that_moves_to_another_node_takes_its_streams_along(three_nodes, scheme):
    url, nodes = three_nodes
    url = url.replace("redis", scheme, 1)
    prefix = uuid.uuid4().hex
    storage, elsewhere = (RedisStorage(url, prefix=prefix, lease=LEASE) for _ in range(2))
    producer = Producer(storage.record(STREAM, HEAD, nothing))
    try:
        with contextlib.closing(elsewhere.read(STREAM)) as reading:
            assert read_on(reading, 0, 10).events.startswith(events(1, 10))
            move_slot_of(nodes, f"{{{prefix}*{STREAM}*")
            producer.makes(20)
            assert producer.end() == read_all(reading)
    finally:
        producer.end()
        storage.close()
        elsewhere.close()


def move_slot_of(nodes, pattern):
    """Move the slot of these keys to another node, as ``redis-cli --cluster reshard`` does."""
    source = next(node for node in nodes if list(node.client.scan_iter(pattern)))
    target = next(node for node in nodes if node is not source)
    ids = {node: node.client.execute_command("CLUSTER", "MYID") for node in nodes}
    key = next(iter(source.client.scan_iter(pattern)))
    slot = source.client.execute_command("CLUSTER", "KEYSLOT", key)
    target.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
    source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
    while True:
        keys = source.client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100)
        if not keys:
            break
        address = ("127.0.0.1", target.port, "", 0, 5000)
        source.client.execute_command("MIGRATE", *address, "KEYS", *keys)
    for node in (target, source, *nodes):
        node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target])


# One server.


def test_a_unix_domain_socket(tmp_path):
    path = tmp_path / "redis.sock"
    with redis_server("--unixsocket", str(path)):
        works(f"unix://{path}")
        works(f"unix://{path}?db=3")
        works(f"redis+unix://{path}", f"valkey+unix://{path}")


def test_tls(tmp_path):
    needs("a Redis that was built with TLS", has_tls())
    ours, port = certificate_for("localhost", tmp_path), free_port()
    arguments = ("--tls-port", str(port), "--tls-cert-file", ours.path, "--tls-key-file", ours.key)
    with redis_server(*arguments, "--tls-ca-cert-file", ours.path, "--tls-auth-clients", "no"):
        works(f"rediss://localhost:{port}?ssl_ca_certs={ours.path}")


def test_a_user_a_password_and_a_database():
    with redis_server() as server:
        server.client.execute_command("ACL", "SETUSER", "me", "on", ">p:w", "~*", "+@all")
        works(server.url.replace("//", "//me:p%3Aw@") + "/5")
        assert server.client.dbsize() == 0


@pytest.fixture(params=["valkey-py", "redis-py"])
def client(request, monkeypatch):
    """The client library of Valkey's URLs."""
    if request.param == "valkey-py":
        pytest.importorskip("valkey")
    else:
        monkeypatch.setitem(sys.modules, "valkey", None)  # as if it were not installed
    return request.param


def test_both_clients_speak_with_each_other(client):
    with redis_server() as server:
        works(server.url.replace("redis", "valkey", 1), server.url)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "valkey", "valkeys"])
def test_only_the_scheme_of_a_url_names_the_client(client, scheme):
    """A host may have that name, too, and a password may."""
    connection = servers_of(f"{scheme}://:valkey@valkey:6380").connect(b"")
    assert (connection.host, connection.port) == ("valkey", 6380)
    assert type(connection).__module__.startswith(
        "valkey" if client == "valkey-py" and scheme.startswith("valkey") else "redis"
    )


def test_valkey_needs_no_redis_py(server, monkeypatch):
    pytest.importorskip("valkey")
    monkeypatch.setitem(sys.modules, "redis", None)
    works(server.url.replace("redis", "valkey", 1))


@pytest.mark.parametrize(
    "scheme, needed", [("redis", "redis-py"), ("valkey", "valkey-py or redis-py")]
)
def test_a_client_that_is_not_installed_is_named(monkeypatch, scheme, needed):
    for name in ("redis", "valkey"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match=f"{scheme}:// needs {needed}; install"):
        servers_of(f"{scheme}://127.0.0.1:1")


@pytest.mark.thorough
@pytest.mark.parametrize("reader", ["redis", "valkey"])
def test_sentinel_and_a_cluster_by_each_client(client, three_nodes, reader):
    works(three_nodes[0].replace("redis", "valkey", 1), three_nodes[0].replace("redis", reader, 1))
    with sentinels() as (url, *_):
        works(url.replace("redis", "valkey", 1), url.replace("redis", reader, 1))


def test_settings_of_replies_are_ours():
    with redis_server() as server:
        works(server.url + "?protocol=3&decode_responses=true&encoding=latin-1")


@pytest.mark.parametrize(
    "url, words",
    [
        ("redis://127.0.0.1:1?no_such_option=1", "no_such_option"),
        ("redis://127.0.0.1:1?socket_timeout=0.5", "socket_timeout has to be 3 seconds"),
        ("redis://127.0.0.1:1?db=x", "db"),
        ("redis+sentinel://127.0.0.1:1", "the name of the service"),
        ("redis+sentinel://127.0.0.1:x/main", "x"),
        ("redis+sparrow://127.0.0.1:1", "redis+sparrow"),
        ("rediss+cluster://127.0.0.1:1", "rediss+cluster"),
        ("memory", "has to begin with"),
        (None, "has to begin with"),
    ],
)
def test_a_url_that_cannot_work_is_refused_at_once(url, words):
    with pytest.raises(ConfigurationError, match="replay_url") as raised:
        storage_of(url, Limits(), "llmstream")
    assert words in str(raised.value)


@pytest.mark.parametrize("prefix", ["", "{", "a}b", None])
def test_a_prefix_that_cannot_work_is_refused(prefix):
    with pytest.raises(ConfigurationError, match="replay_prefix"):
        storage_of("redis://127.0.0.1:1", Limits(), prefix)
