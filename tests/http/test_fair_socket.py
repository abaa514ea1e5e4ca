"""``fair``: the reads of gevent's sockets, which wait before they ask the kernel."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing

import gevent
import gevent.socket
import gevent.ssl
import pytest

from flask_llmstream.http.fair_socket import FEW_BYTES, fair
from tests.support.upstream import HANG_GUARD

MANY = 100


@pytest.fixture
def ends():
    """A socket that has taken all that its peer has sent, and its peer."""
    near, far = gevent.socket.socketpair()
    kind = fair(gevent.socket.socket)
    with closing(kind(near.family, near.type, fileno=near.detach())) as reading, closing(far):
        reading.settimeout(HANG_GUARD)
        far.sendall(b"first")
        assert reading.recv(MANY) == b"first"
        yield reading, far


def test_a_read_waits_for_the_next_bytes(ends):
    reading, far = ends
    gevent.spawn(far.sendall, b"next")
    assert reading.recv(MANY) == b"next"


def test_the_hub_has_its_turn_before_bytes_that_are_there(ends):
    reading, far = ends
    far.sendall(b"next")
    other = gevent.spawn(str)
    assert reading.recv(MANY) == b"next"
    assert other.ready()


def test_a_read_that_was_full_is_followed_by_one_at_once(ends):
    reading, far = ends
    far.sendall(b"next")
    assert reading.recv(2) == b"ne"
    other = gevent.spawn(str)
    assert reading.recv(MANY) == b"xt"
    assert not other.ready()
    other.join()


def test_a_read_of_much_is_followed_by_one_at_once(ends):
    reading, far = ends
    far.sendall(bytes(FEW_BYTES))
    assert len(reading.recv(2 * FEW_BYTES)) == FEW_BYTES
    far.sendall(b"next")
    other = gevent.spawn(str)
    assert reading.recv(MANY) == b"next"
    assert not other.ready()
    other.join()


def test_each_silence_has_the_whole_timeout(ends):
    reading, far = ends
    reading.settimeout(0.03)
    for part in (b"one", b"two"):
        with pytest.raises(socket.timeout):
            reading.recv(MANY)
        far.sendall(part)
        assert reading.recv(MANY) == part


def test_a_timeout_may_change_between_two_reads(ends):
    reading, far = ends
    reading.settimeout(0.01)
    with pytest.raises(socket.timeout):
        reading.recv(MANY)
    reading.settimeout(None)
    gevent.spawn_later(0.05, far.sendall, b"late")
    assert reading.recv(MANY) == b"late"


def test_a_read_without_a_wait_finds_nothing(ends):
    reading, _ = ends
    reading.settimeout(0)
    with pytest.raises(BlockingIOError):
        reading.recv(MANY)


def test_the_end_of_the_connection_comes_again_and_again(ends):
    reading, far = ends
    far.close()
    assert [reading.recv(MANY) for _ in range(3)] == [b""] * 3


def test_a_greenlet_that_is_stopped_where_it_waits_leaves_the_next_byte_to_another(ends):
    reading, far = ends
    waiting = gevent.spawn(reading.recv, MANY)
    gevent.sleep(0)
    waiting.kill()
    far.sendall(b"next")
    assert reading.recv(MANY) == b"next"


def test_a_closed_socket_is_not_waited_for(ends):
    reading, _ = ends
    reading.close()
    with pytest.raises(OSError):
        reading.recv(MANY)


@pytest.mark.parametrize("timeout", [None, HANG_GUARD])
def test_a_read_of_a_socket_that_is_closed_meanwhile_fails_as_gevent_s_own_does(ends, timeout):
    reading, _ = ends
    reading.settimeout(timeout)
    waiting = gevent.spawn(reading.recv, MANY)
    gevent.sleep(0)
    reading.close()
    with pytest.raises(OSError):
        waiting.get()


@pytest.fixture
def ends_over_tls(certificate):
    near, far = gevent.socket.socketpair()
    server = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate.path, certificate.key)
    client = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.sslsocket_class = fair(gevent.ssl.SSLSocket)
    near.settimeout(HANG_GUARD)
    shaking = gevent.spawn(server.wrap_socket, far, server_side=True)
    with closing(client.wrap_socket(near)) as reading, closing(shaking.get()) as peer:
        peer.sendall(b"first")
        assert reading.recv(MANY) == b"first"
        yield reading, peer


def test_over_tls_the_rest_of_a_record_is_not_waited_for(ends_over_tls):
    reading, peer = ends_over_tls
    peer.sendall(b"one record")
    assert [reading.recv(4), reading.recv(MANY)] == [b"one ", b"record"]


def test_over_tls_a_record_behind_another_is_read(ends_over_tls):
    reading, peer = ends_over_tls
    peer.sendall(b"one")
    peer.sendall(b"two")
    assert [reading.recv(MANY), reading.recv(MANY)] == [b"one", b"two"]


def test_over_tls_each_silence_has_the_whole_timeout(ends_over_tls):
    reading, peer = ends_over_tls
    reading.settimeout(0.03)
    for part in (b"one", b"two"):
        with pytest.raises(socket.timeout):
            reading.recv(MANY)
        peer.sendall(part)
        assert reading.recv(MANY) == part
