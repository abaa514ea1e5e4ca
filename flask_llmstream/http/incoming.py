"""``Incoming``: the bytes that arrive on a connection, and the head of an answer in them."""

from __future__ import annotations

import re
from http.client import BadStatusLine, HTTPException, LineTooLong, RemoteDisconnected, parse_headers
from typing import Any, Mapping, NamedTuple

from requests.structures import CaseInsensitiveDict

BLOCK_BYTES = 16 * 1024
"""The most bytes of one read. A record of TLS has no more."""

MOST_INFORMATIONAL = 100
"""The most answers of kind 1xx before the real one."""

_MAX_LINE_BYTES = 65536  # as http.client
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9])[ \t]+([1-9][0-9]{2})(?:[ \t][^\r\n]*)?\r?\n")
_SWITCHING_PROTOCOLS = 101


class Head(NamedTuple):
    """The head of an answer.

    :ivar version: the second digit of the HTTP version.
    :ivar status: the HTTP status.
    :ivar headers: the values of one name are joined by commas; a name may be asked for in any case.
    :ivar is_sound: whether each line was a header.
    """

    version: int
    status: int
    headers: Mapping[str, str]
    is_sound: bool


class Incoming:
    """The bytes of one connection. What was read and not wanted yet is held.

    :param sock: a connected socket.
    :ivar held: the bytes that are held.
    :ivar has_begun: whether a byte has arrived since :meth:`expect`.
    """

    __slots__ = ("_recv", "held", "has_begun")

    def __init__(self, sock: Any) -> None:
        self._recv = sock.recv
        self.held: bytes = b""
        self.has_begun = False

    def expect(self) -> None:
        """The next answer begins."""
        self.has_begun = False

    def read(self) -> bytes:
        """The bytes at hand; else it waits for some. ``b""`` at the end of the connection.

        :raises OSError: the connection broke, or its timeout ran out.
        """
        data, self.held = self.held, b""
        if not data:
            data = self._recv(BLOCK_BYTES)
            self.has_begun = self.has_begun or bool(data)
        return data

    def readline(self, limit: int = _MAX_LINE_BYTES) -> bytes:
        """One line with its end, as of a file; without its end where it has more than ``limit``
        bytes.

        :raises OSError: as :meth:`read` does, and where the connection ends. For http.client the
            head would be whole there.
        """
        line, end = b"", 0
        while not end and len(line) < limit:
            more = self.read()
            if not more:
                raise RemoteDisconnected("the connection was closed before the answer's body")
            end = more.find(b"\n") + 1
            end = end and len(line) + end
            line += more
        end = min(end or limit, limit)
        self.held = line[end:]
        return line[:end]

    def head(self) -> Head:
        """The head of the answer, without those of kind 1xx before it.

        :raises OSError: as :meth:`read` does; the connection ended before the answer began.
        :raises http.client.HTTPException: it is no HTTP.
        """
        for _ in range(MOST_INFORMATIONAL):
            head = self._head()
            if head.status >= 200 or head.status == _SWITCHING_PROTOCOLS:
                return head
        raise HTTPException(f"more than {MOST_INFORMATIONAL} answers of kind 1xx")

    def _head(self) -> Head:
        line = self.readline(_MAX_LINE_BYTES + 1)
        if len(line) > _MAX_LINE_BYTES:
            raise LineTooLong("status line")
        status_line = _STATUS_LINE.fullmatch(line)
        if status_line is None:
            raise BadStatusLine(line.decode("latin-1"))
        message: Any = parse_headers(self)
        is_sound = not (message.defects or message.get_payload())
        return Head(int(status_line[1]), int(status_line[2]), _joined(message), is_sound)


def _joined(message: Any) -> Mapping[str, str]:
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for name, value in message.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
