"""``Anthropic``: Claude, or any other model whose server has Anthropic's Messages API.

It imports requests, so ``import flask_llmstream`` leaves this module out.
"""

from __future__ import annotations

from typing import Any, Collection, Generator, Iterable, Mapping, Optional

from ..errors import ConfigurationError
from ..http.call import HTTPCall
from ..records import CompletionRequest
from .abortable_deltas import AbortableDeltas
from .anthropic_messages.call import AnthropicCall
from .anthropic_messages.options import REFUSES
from .anthropic_messages.request import RequestMaker
from .base import Piece, Provider
from .upstream.attempts import Attempts
from .upstream.errors import UpstreamErrors
from .upstream.keys import ApiKey
from .upstream.retrying import RetryPolicy
from .upstream.settings import checked_options
from .upstream.upstream import Upstream

_VERSION = {"anthropic-version": "2023-06-01"}


class Anthropic(Provider):
    """A model behind Anthropic's Messages API: Claude, or a server of another's with that API.

    Requests are in OpenAI's form, as they are for each provider, and are sent to
    ``{base_url}/v1/messages`` in Anthropic's. An option that only Anthropic knows (``thinking``,
    ``top_k``, ``output_config`` …) is sent on as it is, and so are tools and parts of messages in
    Anthropic's own form. What the API has nothing for is refused by name: see ``refuses``.

    :param api_key: sent as ``x-api-key``; see :class:`OpenAICompatible`, also for a function. A
        server that wants a bearer token gets it in ``headers``. Default: none.
    :param model: the model's name there. Default: its registered name here.
    :param base_url: the API's address, with or without its ``/v1``. It may have a query. Default:
        Anthropic's.
    :param max_tokens: the most tokens of an answer whose request has no limit; the API wants one in
        each. A ``budget_tokens`` for thinking comes on top. ``LLMSTREAM_MAX_TOKENS`` lowers it.
        Default: 4096, which each model can write.
    :param options: options used where a request does not set them, in OpenAI's form or in
        Anthropic's. Default: none.
    :param ignores: names of options that are left out, rather than refused or sent on: ``("seed",
        "presence_penalty")`` for clients that always send them. Default: none.
    :param params: see :class:`OpenAICompatible`, and so for the other parameters.
    :param headers: more headers for each call, as ``{"anthropic-beta": "…"}``, or another
        ``anthropic-version``. Default: the version 2023-06-01, which all servers know. The next
        one, 2026-10-21, refuses ``temperature``, ``top_p`` and ``top_k``, which clients send.
    :ivar base_url: the address without its query.
    :ivar refuses: what the Messages API can't do, less ``ignores``.
    :raises ConfigurationError: an argument that can't work; the message names it.
    """

    def __init__(
        self,
        api_key: ApiKey = None,
        *,
        model: Optional[str] = None,
        base_url: str = "https://api.anthropic.com",
        max_tokens: int = 4096,
        options: Optional[Mapping[str, Any]] = None,
        ignores: Collection[str] = (),
        params: Optional[Mapping[str, Any]] = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 60.0,
        headers: Optional[Mapping[str, str]] = None,
        ca_bundle: Optional[str] = None,
        retries: int = 2,
        retry_within: float = 2.0,
    ) -> None:
        if type(max_tokens) is not int or max_tokens < 1:
            raise ConfigurationError(f"max_tokens: has to be a number from 1, not {max_tokens!r}")
        if isinstance(ignores, str) or not all(isinstance(name, str) for name in ignores):
            raise ConfigurationError(f"ignores: has to be a list of names, not {ignores!r}")
        self._upstream = Upstream(
            base_url,
            api_key,
            own_path="/messages",
            retries=RetryPolicy(retries, retry_within),
            key_headers=_key_headers,
            more_headers=_VERSION,
            params=params,
            headers=headers,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            ca_bundle=ca_bundle,
        )
        self.base_url = self._upstream.address
        path = "/messages" if self.base_url.endswith("/v1") else "/v1/messages"
        self._requests = RequestMaker(path, model, max_tokens, checked_options(options), ignores)
        self.refuses = {name: words for name, words in REFUSES.items() if name not in ignores}
        self.model = model

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self.model!r}, base_url={self.base_url!r})"

    def check(self, request: CompletionRequest) -> None:
        """Refuse a request that the Messages API has no form for; see :meth:`Provider.check`."""
        super().check(request)
        self._requests.request_for(request)

    def stream(self, request: CompletionRequest) -> Iterable[Piece]:
        """Begin one answer; see :meth:`Provider.stream`. Errors are those of
        :meth:`OpenAICompatible.stream`.

        An answer is whole where its server says ``message_stop``. Without it the iteration raises.

        :raises RequestError: the API has no form for something in the request.
        """
        asked = self._requests.request_for(request)
        attempts = Attempts(self._upstream, asked, _read)
        return AbortableDeltas(attempts.pieces(), attempts.abort)


def _key_headers(key: str) -> Mapping[str, str]:
    return {"x-api-key": key}


def _read(call: HTTPCall, errors: UpstreamErrors) -> Generator[Piece, None, None]:
    return AnthropicCall(call, errors).deltas()
