"""``Attempts``: the calls for one answer. Nothing is asked again once a piece has gone on.

A server that refuses a member of the body which the provider adds by itself is asked again without
it. A key that is refused is replaced, once, if the application's function gives another one. A
server that can't be reached, or fails, or is busy is asked again after a wait; see
:mod:`.retrying`.
"""

from __future__ import annotations

from contextlib import closing
from typing import Callable, Generator, Iterable, List, NamedTuple, Optional

from ...errors import ProviderError
from ...http.call import HTTPCall
from ...http.errors import CallAborted
from ...log import log
from ...runtime.mutex import wakeup_of_the_caller
from ..aborting import Current
from ..base import Piece
from .errors import UpstreamErrors, detail_of
from .request import UpstreamRequest
from .retrying import Retrying
from .upstream import Upstream

Read = Callable[[HTTPCall, UpstreamErrors], Generator[Piece, None, None]]
"""Opens a call, gives the pieces of its answer, and closes it. Its errors are made by the second
argument. An answer without any piece is an error, too."""


class Attempts:
    """The calls for one answer. Any thread may use :meth:`abort`.

    :param upstream: the server.
    :param request: is sent first.
    :param read: reads the answer of one call.
    :param dispensable: members of the body without which the answer is the same.
    """

    def __init__(
        self,
        upstream: Upstream,
        request: UpstreamRequest,
        read: Read,
        dispensable: Iterable[str] = (),
    ) -> None:
        self._upstream = upstream
        self._request = upstream.accepted(request)
        self._read = read
        self._dispensable = dispensable
        self._left_out: List[str] = []
        self._key = ""
        self._other_key: Optional[str] = None
        self._has_changed_key = False
        self._current = Current()  # the call, or the wait between two calls

    def abort(self) -> None:
        """End the answer, from any thread, at any time. Returns at once and raises nothing."""
        self._current.abort()

    def pieces(self) -> Generator[Piece, None, None]:
        """The pieces of the answer.

        :raises ProviderError: the server did something wrong, there is no key, or the answer was
            aborted.
        """
        retrying = Retrying(self._upstream.retries)
        while True:
            with closing(self._attempt()) as pieces:
                try:
                    first = next(pieces)
                except ProviderError as error:
                    if not self._goes_on_after(error, retrying):
                        raise
                else:
                    self._upstream.learn(self._left_out)
                    yield first
                    yield from pieces
                    return

    def _attempt(self) -> Generator[Piece, None, None]:
        if self._current.aborted:
            self._upstream.errors.fail_call(CallAborted("aborted"))
        key, self._other_key = self._other_key or self._upstream.keys.next(), None
        self._key = key
        call = self._upstream.call(self._request, key)
        self._current.begin(call)
        return self._read(call, self._upstream.errors_for(key))

    def _goes_on_after(self, error: ProviderError, retrying: Retrying) -> bool:
        """Whether there is a next attempt. It waits until then."""
        if self._leaves_out(error) or self._changes_key(error):
            return True
        seconds = retrying.wait_after(error)
        if seconds is None:
            return False
        log.warning("%s; retry %d in %.2f s", detail_of(error), retrying.count, seconds)
        with closing(wakeup_of_the_caller()) as wakeup:
            self._current.begin(_Wait(wakeup.set))
            wakeup.wait(seconds)
        return True

    def _leaves_out(self, error: ProviderError) -> bool:
        """Whether the next attempt leaves out the member that the server refuses."""
        words = detail_of(error).words
        for member in self._dispensable:
            if member in self._request.body and member in words:
                self._request = self._request.without(member)
                self._left_out.append(member)
                return True
        return False

    def _changes_key(self, error: ProviderError) -> bool:
        """Whether the next attempt has another key than the one that the server refuses."""
        keys = self._upstream.keys
        if error.code != "provider_key" or not keys.rotate or self._has_changed_key:
            return False
        self._has_changed_key = True
        self._other_key = keys.next()
        return self._other_key != self._key


class _Wait(NamedTuple):
    """A wait that :class:`Current` can end."""

    abort: Callable[[], None]
