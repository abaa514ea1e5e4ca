"""On real servers the first token comes when it is made, and no generator outlives its reader."""

from __future__ import annotations

import socket

import pytest

from tests.support.servers import HANG_GUARD, SERVERS, running


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def setup(request):
    with running(request.param) as live:
        yield request.param, live


@pytest.fixture
def live(setup):
    """The server. After each test all slots are free."""
    live = setup[1]
    live.post("/forget")
    yield live
    assert live.frees_all_slots()


@pytest.fixture
def greenlets(setup):
    return setup[0].greenlets


def generator_was_closed(live, greenlets):
    """On greenlets the generator is closed where it waits. On a thread it ends at its next yield
    after the departure was noticed."""
    if greenlets:
        return live.closed()
    for _ in range(100):
        live.release("unheard")
        if live.closed(seconds=0.2):
            return True
    return False


def test_the_stream_opens_before_the_first_token(live):
    with live.request("GET", "/gated") as reader:
        opening = reader.block()
        live.release("end")
        reader.blocks()
    assert opening.startswith(b": \nevent: opened\n")


def test_each_token_arrives_before_the_next_is_made(live):
    with live.request("GET", "/gated") as reader:
        reader.block()
        for token in ("one", "two", "three"):
            live.release(token)
            assert f'"message":"{token}"'.encode() in reader.block()
        live.release("end")
        assert b'"ended":true,"message":"","reason":"complete"' in reader.block()


def test_heartbeats_arrive_while_the_generator_blocks(live):
    with live.request("GET", "/beating") as reader:
        reader.block()
        assert [reader.block() for _ in range(3)] == [b": "] * 3
        live.release("end")
        reader.blocks()
    assert live.closed()


def test_a_reader_who_leaves_before_the_first_token_ends_the_generator(live, greenlets):
    with live.request("GET", "/gated") as reader:
        reader.block()
        assert live.entered()
    assert generator_was_closed(live, greenlets)


def test_a_reader_who_leaves_in_the_middle_ends_the_generator(live, greenlets):
    with live.request("GET", "/gated") as reader:
        reader.block()
        live.release("heard")
        reader.block()
    assert generator_was_closed(live, greenlets)


def test_a_reader_who_resets_the_connection_ends_the_generator(live, greenlets):
    with socket.create_connection(("127.0.0.1", live.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(b"GET /gated HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.recv(1)
        assert live.entered()
    assert generator_was_closed(live, greenlets)


def test_a_reader_who_never_reads_is_cut_off(live):
    with socket.create_connection(("127.0.0.1", live.port)) as connection:
        connection.sendall(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert live.closed()


def test_the_context_of_the_view_is_there(live):
    with live.request("GET", "/context") as reader:
        reader.block()
        assert b'"message":"/context nobody"' in reader.block()


def test_it_is_there_and_can_be_logged_with_when_the_reader_has_left(live, greenlets):
    with live.request("GET", "/farewell", headers={"X-Reader": "ada"}) as reader:
        reader.block()
        assert live.entered()
    assert generator_was_closed(live, greenlets)
    assert live.has_logged("farewell, ada")
    assert not live.has_logged("Logging error", patience=0)


def test_a_generator_may_read_a_body_that_waits_for_a_100(live):
    body = b'{"prompt": "hello"}'
    head = (
        b"POST /length HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", live.port), timeout=HANG_GUARD) as connection:
        connection.sendall(head % len(body) + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"HTTP/1.1 100" not in answer[answer.index(b" 200 OK") :]
    assert b'"message":"5 characters"' in answer


def test_a_head_request_starts_nothing(live):
    with live.request("HEAD", "/gated") as reader:
        assert reader.response.status == 200
        assert reader.response.getheader("Content-Type") == "text/event-stream; charset=utf-8"
        assert reader.response.read() == b""
    assert live.get("/slots") == {"taken": 0}


def test_a_finished_connection_serves_the_next_request(live):
    with live.request("GET", "/context") as reader:
        reader.blocks()
    with live.request("GET", "/context") as reader:
        assert len(reader.blocks()) == 3


def test_the_departure_of_a_chat_reader_ends_its_provider(live, greenlets):
    body = b'{"model": "gated", "prompt": "hello"}'
    headers = {"Content-Type": "application/json"}
    live.release("hello")
    with live.request("POST", "/v1/chat/completions", body=body, headers=headers) as reader:
        assert reader.block().startswith(b": ")
        assert b"hello" in reader.block()
    assert generator_was_closed(live, greenlets)
