"""``Sockets``: the sockets of one call, which any thread can end."""

from __future__ import annotations

import socket

import pytest

from flask_llmstream.http.connecting import Sockets
from tests.support.upstream import open_descriptors


def test_a_socket_that_comes_after_the_abort_is_refused_and_leaves_nothing():
    sockets = Sockets()
    sockets.aborted = True
    sockets.hang_up()
    with socket.socket() as late:
        before = open_descriptors()
        with pytest.raises(ConnectionAbortedError):
            sockets.watch(late)
        assert open_descriptors() == before
