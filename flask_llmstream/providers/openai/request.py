"""``RequestMaker``: requests in OpenAI's form. Each member of a body can be changed or left out.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

from ...records import TOKEN_LIMITS, CompletionRequest
from ..token_limits import capped
from ..upstream.request import UpstreamRequest


class RequestMaker:
    """Makes the requests of one provider.

    :param model: the model's name there; ``None``: the name in the request.
    :param prompts: the endpoint for a bare prompt, ``chat`` or ``completions``.
    :param options: defaults for the members of each body. A member that is ``None``, here or in a
        request's options, is left out.
    """

    def __init__(self, model: Optional[str], prompts: str, options: Mapping[str, Any]) -> None:
        self._prompts = prompts
        self._options = options
        self._omitted = {name for name, value in options.items() if value is None}
        self._model = model or options.get("model")

    def request_for(self, request: CompletionRequest) -> UpstreamRequest:
        """A request in OpenAI's form. Its own options count before the defaults, and a cap of the
        application's before both."""
        path, question = self._question(request)
        options = {"stream_options": {"include_usage": True}, **self._options, **request.options}
        options = self._capped(options, request.max_tokens)
        model = None if "model" in self._omitted else self._model or request.model or None
        body = {**options, "model": model, **question, "stream": True}
        said = {name: value for name, value in body.items() if value is not None}
        return UpstreamRequest(path, said)

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
        sendable = [name for name in TOKEN_LIMITS if name not in self._omitted]
        known = [name for name in sendable if name in self._options]
        name = next(iter([*known, *sendable, *TOKEN_LIMITS]))
        limited = capped(options, most, name)
        unwanted = self._omitted.intersection(TOKEN_LIMITS) - {name}
        return {each: value for each, value in limited.items() if each not in unwanted}
