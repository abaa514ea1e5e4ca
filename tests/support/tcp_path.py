"""``TcpPath``: a way to a server that a test can hold and cut, as networks do."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import Any, Dict, Iterator


class TcpPath:
    """Takes bytes to a server and back.

    :ivar port: where clients connect.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._peers: Dict[Any, Any] = {}
        self._is_held = False
        self._is_cut = False
        self._ends = False
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def hold(self) -> None:
        """Take no byte further. Connections stay open, and new ones are accepted."""
        self._change(is_held=True)

    def cut(self) -> None:
        """Close all connections, and each new one at once."""
        self._change(is_cut=True)

    def mend(self) -> None:
        """Be a way again. What was held goes on."""
        self._change(is_held=False, is_cut=False)

    def close(self) -> None:
        self._change(ends=True)
        self._thread.join()
        self._wake.close()

    def _change(self, **flags: bool) -> None:
        self._changed.clear()
        for name, value in flags.items():
            setattr(self, f"_{name}", value)
        with contextlib.suppress(BrokenPipeError):  # it has seen the flags by itself, and ended
            self._wake.send(b".")
        self._changed.wait(10)

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._ends:
                for key, _ in selector.select():
                    self._take(selector, key.fileobj)
            for one in list(self._peers):
                one.close()
        self._listener.close()
        self._woken.close()
        self._changed.set()

    def _take(self, selector: Any, ready: Any) -> None:
        if ready is self._woken:
            self._woken.recv(1)
            self._apply(selector)
        elif ready is self._listener:
            self._accept(selector)
        elif ready in self._peers:
            self._forward(selector, ready)

    def _apply(self, selector: Any) -> None:
        watched = {key.fileobj for key in selector.get_map().values()}
        for one in list(self._peers):
            if self._is_cut:
                self._drop(selector, one)
            elif self._is_held and one in watched:
                selector.unregister(one)
            elif not self._is_held and one not in watched:
                selector.register(one, selectors.EVENT_READ)
        self._changed.set()

    def _accept(self, selector: Any) -> None:
        client, _ = self._listener.accept()
        try:
            if self._is_cut:
                raise ConnectionRefusedError
            server = socket.create_connection(("127.0.0.1", self._server_port))
        except OSError:
            client.close()
            return
        self._peers.update({client: server, server: client})
        if not self._is_held:
            for one in (client, server):
                selector.register(one, selectors.EVENT_READ)

    def _forward(self, selector: Any, ready: Any) -> None:
        try:
            data = ready.recv(65536)
            if data:
                self._peers[ready].sendall(data)
                return
        except OSError:
            pass  # as an end
        self._drop(selector, ready)

    def _drop(self, selector: Any, one: Any) -> None:
        peer = self._peers.pop(one, None)
        if peer is None:
            return
        self._peers.pop(peer, None)
        for each in (one, peer):
            with contextlib.suppress(KeyError, ValueError):
                selector.unregister(each)
            each.close()


@contextlib.contextmanager
def path_to(server_port: int) -> Iterator[TcpPath]:
    """A way for the time of a block."""
    path = TcpPath(server_port)
    try:
        yield path
    finally:
        path.close()
