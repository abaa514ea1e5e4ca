"""``ReadOnceBody``: the base of a body that one server reads once."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, NoReturn, Optional

from ..runtime.atomic import claim
from .response_start import ResponseStart
from .types import Environ


class ReadOnceBody:
    """An iterable of blocks. It is bound to one call of a server, and its first reader is its only
    one."""

    __slots__ = ("_environ", "_start", "_closing", "_is_unbound", "_is_unread")

    def __init__(self) -> None:
        self._environ: Environ = {}
        self._start: Optional[ResponseStart] = None
        self._closing: Iterable[Callable[[], Any]] = ()
        self._is_unbound = self._is_unread = True

    def bind(
        self, environ: Environ, start: ResponseStart, closing: Iterable[Callable[[], Any]]
    ) -> None:
        """Bind the body to a server's call.

        :param start: sends the status and headers.
        :param closing: functions. Each is called once, when the server has closed the body.
        :raises RuntimeError: the body is bound to another call, or closed.
        """
        if not claim(self, "_is_unbound"):
            refuse_second_reader()
        self._environ = environ
        self._start = start
        self._closing = closing

    def __iter__(self) -> Iterator[bytes]:
        """
        :raises RuntimeError: the body has a reader already, or is closed.
        """
        if not claim(self, "_is_unread"):
            refuse_second_reader()
        return self._blocks()

    def __reduce__(self) -> NoReturn:
        refuse_pickling()

    def _blocks(self) -> Iterator[bytes]:
        """All blocks, as they come."""
        raise NotImplementedError

    def _refuse_readers(self) -> None:
        """From here on, refuse every call and every reader."""
        claim(self, "_is_unbound")
        claim(self, "_is_unread")


class TakenBody:
    """Stands in a response for the body that a server has taken. It refuses every reader."""

    def __iter__(self) -> Iterator[bytes]:
        refuse_second_reader()


def refuse_second_reader() -> NoReturn:
    """
    :raises RuntimeError: always.
    """
    raise RuntimeError(
        "a stream is read once, by one request, and this one has its reader: make a stream for each"
    )


def refuse_pickling() -> NoReturn:
    """
    :raises TypeError: always.
    """
    raise TypeError("a response that streams can't be kept: cache what it is made of")


def call_each(functions: Iterable[Callable[[], Any]]) -> None:
    """Call the functions, also those that are added meanwhile."""
    for function in functions:
        function()


def do_nothing() -> None:
    """The default where a callback is expected."""
