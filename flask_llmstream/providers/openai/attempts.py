"""``Attempts``: the calls for one answer: one, or two where the server takes no ``stream_options``.

Mistral and Azure have refused this member, and so does any server that refuses members it does not
know. It only asks for the count of tokens, so the answer without it is the same.
"""

from __future__ import annotations

from contextlib import closing
from typing import Callable, Generator

from ...errors import ProviderError
from ...http.call import HTTPCall
from ..base import Piece
from ..upstream.errors import UpstreamErrors, words_of
from .call import OpenAICall
from .request import OpenAIRequest

_MEMBER = "stream_options"


class Attempts:
    """The calls for one answer. Any thread may use :meth:`abort`.

    :param request: is sent first.
    :param call_for: makes the call for a request.
    :param errors: makes the errors of the calls.
    :param learn: called with the name of a member without which the server answered.
    """

    def __init__(
        self,
        request: OpenAIRequest,
        call_for: Callable[[OpenAIRequest], HTTPCall],
        errors: UpstreamErrors,
        learn: Callable[[str], None],
    ) -> None:
        self._request = request
        self._call_for = call_for
        self._errors = errors
        self._learn = learn
        self._aborted = False
        self._call = call_for(request)

    def abort(self) -> None:
        """End the answer, from any thread, at any time. Returns at once and raises nothing."""
        self._aborted = True
        self._call.abort()

    def deltas(self) -> Generator[Piece, None, None]:
        """The deltas of the answer.

        :raises ProviderError: the server did something wrong, or the answer was aborted.
        """
        with closing(self._deltas()) as deltas:
            try:
                first = next(deltas)
            except ProviderError as error:
                if not self._refuses_member(error):
                    raise
            else:
                yield first
                yield from deltas
                return
        yield from self._again()

    def _again(self) -> Generator[Piece, None, None]:
        self._call = self._call_for(self._request.without(_MEMBER))
        # abort() sets the flag and then takes the call. Either it finds this call there, or it has
        # set the flag before this line.
        if self._aborted:
            self._call.abort()
        with closing(self._deltas()) as deltas:
            first = next(deltas)
            self._learn(_MEMBER)
            yield first
            yield from deltas

    def _deltas(self) -> Generator[Piece, None, None]:
        return OpenAICall(self._call, self._errors).deltas()

    def _refuses_member(self, error: ProviderError) -> bool:
        return _MEMBER in self._request.body and _MEMBER in words_of(error)
