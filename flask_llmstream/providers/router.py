"""``Router``: a model made of models. It chooses by name, and goes on where one fails."""

from __future__ import annotations

from collections.abc import Awaitable
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, NoReturn, Optional, Sequence, Union

from ..errors import RequestError, UnknownModel
from ..records import CompletionRequest
from .abortable_deltas import AbortableDeltas
from .async_deltas import AsyncDeltas
from .base import Deltas, Provider
from .routing.answer import answer
from .routing.limits import AnswersAtATime
from .routing.plan import Member, Plan
from .routing.settings import (
    checked_aliases,
    checked_default,
    checked_failover,
    checked_kind,
    checked_limits,
    checked_members,
)

_NONE: Mapping[str, Any] = MappingProxyType({})


class Router(Provider):
    """Several models behind one provider.

    ::

        router = Router(
            {"fast": OpenAICompatible("http://127.0.0.1:11434/v1"), "big": Anthropic(...)},
            default="fast",
            aliases={"gpt-4o": "big"},
            failover={"big": "fast"},
            limits={"big": 20},
        )
        streams = LLMStream(app, providers=router.models)

    The request's ``model`` chooses. Where that model fails before its first token, the next one is
    asked; never after. It fails where its server can't be reached, is silent for too long, is busy
    or over a limit, refuses the key or does not know the model, and where its code raises. A
    request that is wrong (400, 413, 422) would fail everywhere, so its error is told at once. The
    log has a line for each failure that leads on. Each model makes its own retries first.

    Each model gets the request with its own name as ``model``. The plain models of a router run on
    the stream's worker, and asynchronous ones on the event loop, so all have to be of one kind.

    :param providers: the models by name.
    :param default: the name for a request that names no model, and for one that names another model
        than these. Default: the first, and an unknown name is refused.
    :param aliases: more names, each for one of the models.
    :param failover: the next models to ask, in this order, by the name of the first. They are not
        asked for next ones of their own. Default: none.
    :param limits: the most answers at a time in this process, by the name of the model. Where there
        is no place, the next model is asked. Default: any number.
    :raises ConfigurationError: an argument that can't work; the message names it.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        *,
        default: Optional[str] = None,
        aliases: Mapping[str, str] = _NONE,
        failover: Mapping[str, Union[str, Sequence[str]]] = _NONE,
        limits: Mapping[str, int] = _NONE,
    ) -> None:
        members = checked_members(providers)
        self._is_asynchronous = checked_kind(members)
        most = checked_limits(limits, members)
        made = {
            name: Member(name, provider, AnswersAtATime(most.get(name, 0)))
            for name, provider in members.items()
        }
        following = checked_failover(failover, members)
        self._routes: Dict[str, List[Member]] = {
            name: [made[each] for each in (name, *following.get(name, ()))] for name in made
        }
        for alias, name in checked_aliases(aliases, members).items():
            self._routes[alias] = self._routes[name]
        self._default = checked_default(default, self._routes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._routes)})"

    @property
    def is_asynchronous(self) -> bool:
        """Whether its models are asynchronous."""
        return self._is_asynchronous

    @property
    def models(self) -> Mapping[str, Provider]:
        """The router under each of its names, the default first: the ``providers`` of the chat
        endpoints."""
        first = [] if self._default is None else [self._default]
        return {name: self for name in dict.fromkeys([*first, *self._routes])}

    def check(self, request: CompletionRequest) -> Any:
        """Refuse a request that none of its models can serve.

        :raises UnknownModel: there is no such model.
        :raises RequestError: the refusal of the first.
        """
        route = self._route(request.model)
        return _checked_async(route, request) if self._is_asynchronous else _checked(route, request)

    def stream(self, request: CompletionRequest) -> Deltas:
        """Begin one answer; see :meth:`Provider.stream`.

        Where all models fail, the iteration raises the error with the shortest ``Retry-After``,
        else that of the first. Where none has a place, that is 503.

        :raises UnknownModel: there is no such model.
        """
        plan = Plan(self._route(request.model), request)
        if self._is_asynchronous:
            from .routing.async_answer import async_answer

            return AsyncDeltas(async_answer(plan), plan.model)
        return AbortableDeltas(answer(plan), plan.current.abort, plan.model)

    def knows(self, name: str) -> bool:
        """Whether a request for this name is answered."""
        return name == "" or name in self._routes or self._default is not None

    def _route(self, name: str) -> List[Member]:
        if name in self._routes:
            return self._routes[name]
        if self._default is not None:
            return self._routes[self._default]
        if name == "":
            return next(iter(self._routes.values()))
        raise UnknownModel(f"there is no model {name[:100]!r}", field="model")


def _checked(route: List[Member], request: CompletionRequest) -> None:
    refusals: List[RequestError] = []
    for member in route:
        try:
            member.checked(request)
            return
        except RequestError as error:
            refusals.append(error)
    _refuse(refusals)


async def _checked_async(route: List[Member], request: CompletionRequest) -> None:
    refusals: List[RequestError] = []
    for member in route:
        try:
            result = member.checked(request)
            if isinstance(result, Awaitable):
                await result
            return
        except RequestError as error:
            refusals.append(error)
    _refuse(refusals)


def _refuse(refusals: List[RequestError]) -> NoReturn:
    try:
        raise refusals[0]
    finally:
        refusals.clear()  # their tracebacks hold the frame that holds them
