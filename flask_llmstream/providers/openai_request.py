"""``RequestMaker``: requests in OpenAI's form. Each member of a body can be changed or left out.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple

from ..records import TOKEN_LIMITS, CompletionRequest
from .token_limits import capped


class OpenAIRequest(NamedTuple):
    """A request to one of the two endpoints.

    :ivar path: the endpoint's path.
    :ivar body: the members of its JSON.
    """

    path: str
    body: Dict[str, Any]

    def without(self, member: str) -> OpenAIRequest:
        """The same request, with a member of its body left out."""
        body = {name: value for name, value in self.body.items() if name != member}
        return self._replace(body=body)


class RequestMaker:
    """Makes the requests of one provider.

    :param model: the model's name there; ``None``: the name in the request.
    :param prompts: the endpoint for a bare prompt, ``chat`` or ``completions``.
    :param options: defaults for the members of each body. A member that is ``None`` is left out.
    """

    def __init__(self, model: Optional[str], prompts: str, options: Mapping[str, Any]) -> None:
        self._prompts = prompts
        self._omitted = {name for name, value in options.items() if value is None}
        self._defaults = {name: options[name] for name in options.keys() - self._omitted}
        self._model = model or self._defaults.get("model")

    def request_for(self, request: CompletionRequest) -> OpenAIRequest:
        """A request in OpenAI's form. Its own options count before the defaults, and a cap of the
        application's before both."""
        path, question = self._question(request)
        own = {"stream_options": {"include_usage": True}, "model": self._model or request.model}
        body = {name: value for name, value in own.items() if value and name not in self._omitted}
        options = self._capped({**self._defaults, **request.options}, request.max_tokens)
        options.pop("model", None)
        return OpenAIRequest(path, {**body, **options, **question, "stream": True})

    def _question(self, request: CompletionRequest) -> Tuple[str, Dict[str, Any]]:
        """The endpoint's path, and the prompt or the messages in the form that it takes."""
        messages = request.messages
        if not messages and self._prompts == "chat":
            messages = ({"role": "user", "content": request.prompt or ""},)
        if messages:
            return "/chat/completions", {"messages": messages}
        return "/completions", {"prompt": request.prompt or ""}

    def _capped(self, options: Dict[str, Any], most: Optional[int]) -> Dict[str, Any]:
        if most is None:
            return options
        known = [name for name in TOKEN_LIMITS if name in self._defaults]
        sendable = [name for name in TOKEN_LIMITS if name not in self._omitted]
        name = next(iter([*known, *sendable, *TOKEN_LIMITS]))
        limited = capped(options, most, name)
        unwanted = self._omitted.intersection(TOKEN_LIMITS) - {name}
        return {each: value for each, value in limited.items() if each not in unwanted}
