"""``Plan``: the members that one request may be given to, and how that goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, NamedTuple, Optional, Sequence

from ...errors import ProviderError, RequestError, StreamRefused
from ...exceptions.handling import with_cause
from ...log import log
from ...records import CompletionRequest
from ..aborting import Current
from ..base import Provider
from .beginning import Beginning
from .failures import leads_on, most_helpful
from .limits import AnswersAtATime


class Member(NamedTuple):
    """One model of a router."""

    name: str
    provider: Provider
    limit: AnswersAtATime

    def request(self, request: CompletionRequest) -> CompletionRequest:
        """A request as this model gets it: its ``model`` is this name."""
        return replace(request, model=self.name)

    def checked(self, request: CompletionRequest) -> Any:
        """The result of the provider's ``check``, which may be a coroutine."""
        check: Any = self.provider.check
        return check(self.request(request))


class Plan:
    """How one request is answered. One thread or task at a time goes through it.

    :param members: in the order in which they are asked.
    :ivar current: the deltas of the member that is asked at present.
    :ivar beginning: the beginning of its answer.
    """

    def __init__(self, members: Sequence[Member], request: CompletionRequest) -> None:
        self.members = members
        self.current = Current()
        self.beginning = Beginning()
        self._request = request
        self._asked: Optional[str] = None
        self._failures: List[Exception] = []

    def model(self) -> Optional[str]:
        """The member that was asked last; behind a slash the one that it chose, if it did."""
        inner = self.current.model()
        return f"{self._asked}/{inner}" if isinstance(inner, str) else self._asked

    def check(self, member: Member) -> Any:
        """Have a member checked, if there are others. The view has checked the only one.

        :returns: what is to be awaited, if it is awaitable.
        """
        if self.current.aborted:
            raise ProviderError("The answer was stopped.", code="aborted")
        return member.checked(self._request) if len(self.members) > 1 else None

    def begin(self, member: Member) -> CompletionRequest:
        """This member is asked. Its request is returned."""
        self.beginning = Beginning()
        self._asked = member.name
        return member.request(self._request)

    def is_final(self, error: Exception) -> bool:
        """Whether no other member may be asked behind this failure."""
        is_only = len(self.members) == 1
        return self.beginning.has_begun or self.current.aborted or is_only or not leads_on(error)

    def note(self, member: Member, error: Exception) -> None:
        """A member has failed, and the next one may be asked."""
        self._failures.append(error)
        line = "a router goes on from %s: %s", member.name, with_cause(error)
        if isinstance(error, (RequestError, StreamRefused)):
            log.info(*line)
        elif isinstance(error, ProviderError):
            log.warning(*line)
        else:
            log.error(error, *line)

    def verdict(self) -> Exception:
        """The error to raise where each member has failed."""
        return most_helpful(self._failures)

    def forget(self) -> None:
        """Drop the failures: their tracebacks hold the frames that hold this plan."""
        self._failures.clear()
