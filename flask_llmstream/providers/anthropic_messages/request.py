"""``RequestMaker``: requests in the form of the Messages API. Standard library only, no I/O."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional

from ...records import TOKEN_LIMITS, CompletionRequest
from ..token_limits import capped, lowest
from ..upstream.request import UpstreamRequest
from .content import Block, blocks_of
from .conversation import conversation_of
from .options import members_of


class RequestMaker:
    """Makes the requests of one provider.

    :param path: of the API, behind the provider's address.
    :param model: the model's name there; ``None``: the name in the request.
    :param max_tokens: the most tokens of an answer whose request has no limit, beside those of a
        budget for thinking.
    :param options: defaults for the options of each request.
    :param ignores: the names of options that no request has.
    """

    def __init__(
        self,
        path: str,
        model: Optional[str],
        max_tokens: int,
        options: Mapping[str, Any],
        ignores: Iterable[str],
    ) -> None:
        self._path = path
        self._model = model or options.get("model")
        self._max_tokens = max_tokens
        self._options = options
        self._ignores = frozenset(ignores)

    def request_for(self, request: CompletionRequest) -> UpstreamRequest:
        """A request in Anthropic's form. Its own options count before the defaults, and a cap of
        the application's before both.

        :raises RequestError: something in it can't be sent; the error names it.
        """
        options = {**self._options, **request.options}
        asked = {name: value for name, value in options.items() if name not in self._ignores}
        body = {
            **members_of(self._limited(asked, request)),
            "model": self._model or request.model or None,
            **_question(request, asked.get("system")),
            "stream": True,
        }
        said = {name: value for name, value in body.items() if value is not None}
        return UpstreamRequest(self._path, said)

    def _limited(self, options: Mapping[str, Any], request: CompletionRequest) -> Dict[str, Any]:
        """The options with one limit of tokens, without which the API takes no request."""
        limit = lowest(request.options) or lowest(options)
        others = {name: value for name, value in options.items() if name not in TOKEN_LIMITS}
        others["max_tokens"] = limit or self._max_tokens + _budget(options.get("thinking"))
        most = request.max_tokens
        return others if most is None else capped(others, most, "max_tokens")


def _question(request: CompletionRequest, system: Any) -> Dict[str, Any]:
    """The conversation. A system prompt among the options stands before that of the messages."""
    prompt = {"role": "user", "content": request.prompt or ""}
    conversation = conversation_of(request.messages or (prompt,))
    blocks: List[Block] = [*blocks_of(system, "system"), *conversation.system]
    return {"system": blocks or None, "messages": conversation.turns}


def _budget(thinking: Any) -> int:
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    return budget if type(budget) is int and budget > 0 else 0
