"""``OneReader``: a body that one server reads, once.

Floor 3.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, NoReturn, Optional, Protocol

from ..runtime.atomic import claim
from .types import Environ


class Start(Protocol):
    """How an answer starts."""

    def stream(self) -> None:
        """As the stream."""

    def instead(self, response: Any) -> Iterable[bytes]:
        """As another response; its body."""


class OneReader:
    """An iterable of blocks, bound to one server's call and iterated once, by whoever is first."""

    __slots__ = ("_environ", "_start", "_closing", "_is_unbound", "_is_unread")

    def __init__(self) -> None:
        self._environ: Environ = {}
        self._start: Optional[Start] = None
        self._closing: Callable[[], None] = nothing
        self._is_unbound = self._is_unread = True

    def bind(
        self, environ: Environ, start: Start, closing: Callable[[], None]
    ) -> None:
        """Give it what the server calls it with.

        :param start: sends the headers.
        :param closing: called once when the server has closed the body.
        :raises RuntimeError: another server has it.
        """
        if not claim(self, "_is_unbound"):
            refuse_another_reader()
        self._environ = environ
        self._start = start
        self._closing = closing

    def __iter__(self) -> Iterator[bytes]:
        """
        :raises RuntimeError: somebody reads it, or has read it.
        """
        if not claim(self, "_is_unread"):
            refuse_another_reader()
        return self._blocks()

    def __reduce__(self) -> NoReturn:
        refuse_to_be_kept()

    def _blocks(self) -> Iterator[bytes]:
        """All blocks, as they come."""
        raise NotImplementedError

    def _refuse_readers(self) -> None:
        """Let nobody begin from here on."""
        claim(self, "_is_unbound")
        claim(self, "_is_unread")


class Given:
    """What a response has in its body's place once a server has that: nothing for another."""

    def __iter__(self) -> Iterator[bytes]:
        refuse_another_reader()


def refuse_another_reader() -> NoReturn:
    """
    :raises RuntimeError: always.
    """
    raise RuntimeError(
        "a stream is read once, by one request, and this one has its reader: make a stream for each"
    )


def refuse_to_be_kept() -> NoReturn:
    """
    :raises TypeError: always.
    """
    raise TypeError("a response that streams can't be kept: cache what it is made of")


def nothing() -> None:
    """Nobody else is to be told that the body was closed."""
