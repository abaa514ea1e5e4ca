"""``OpenAICompatible``: any server that speaks OpenAI's API, on this machine or far away.

It imports requests, so ``import flask_llmstream`` leaves this module out.
"""

from __future__ import annotations

from typing import Any, Generator, Iterable, Mapping, Optional

from ..errors import ConfigurationError
from ..http.call import HTTPCall
from ..records import CompletionRequest
from .abortable_deltas import AbortableDeltas
from .base import Piece, Provider
from .openai.call import OpenAICall
from .openai.request import RequestMaker
from .upstream.attempts import Attempts
from .upstream.errors import UpstreamErrors
from .upstream.keys import ApiKey
from .upstream.retrying import RetryPolicy
from .upstream.settings import checked_options
from .upstream.upstream import Upstream

_DISPENSABLE = ("stream_options",)
"""Mistral and Azure have refused this member, and so does any server that refuses members it does
not know. It only asks for the count of tokens, so the answer without it is the same."""


class OpenAICompatible(Provider):
    """A model behind OpenAI's API: llama.cpp, vLLM, Ollama, a hosted service.

    A conversation, and a bare prompt as its only message, are sent to
    ``{base_url}/chat/completions``. Its answers share kept-alive connections. Redirects are not
    followed, and ``.netrc`` is not read. The proxies of the environment are used, but never for a
    loopback address.

    A server that refuses ``stream_options`` is asked again without them, once, and from then on
    without them at once. It may count no tokens then.

    :param base_url: the API's address; mostly it ends in ``/v1``. It may have a query, which each
        call gets: ``https://…/openai/deployments/gpt-4o?api-version=2024-10-21``.
    :param api_key: sent as a bearer token; no log and no error shows it. It may be a function
        without arguments that returns one, for keys that change. It is called for each attempt, on
        the stream's worker, where it may wait, and once more where the server refuses the key: the
        server is asked again, once, if that key is another one. An exception of the function, and
        a result that can't be sent, become 502, a :class:`StreamError` stays. Not ``async def``.
        Default: none.
    :param model: the model's name at that server. Default: its registered name here. Where there
        is neither, ``model`` is left out.
    :param prompts: the endpoint for a bare prompt: ``chat`` (the model answers it) or
        ``completions`` (``{base_url}/completions``, where the model continues it; for models and
        servers that know no chat). Default: ``chat``.
    :param options: members of the body, used where a request does not set them. ``None`` leaves a
        member out that is sent otherwise: ``stream_options``, ``model``. Default: none.
        ``LLMSTREAM_MAX_TOKENS`` is sent as ``max_tokens``. If one of these options is another
        limit of tokens, it is sent under that name, too. OpenAI's reasoning models take only
        ``max_completion_tokens``; it is then sent alone, and so it is with
        ``options={"max_tokens": None}``.
    :param params: more of the query of each call, as ``{"api-version": "2024-10-21"}``. Default:
        none.
    :param connect_timeout: seconds to look the server's name up, and then for each of its
        addresses. Default: 5. 0: no bound.
    :param read_timeout: seconds without a byte, before the first token and between any two.
        Default: 60. 0: no bound.
    :param headers: more headers for each call, or others in place of ``Accept``, ``Content-Type``
        and ``User-Agent``. Default: none.
    :param ca_bundle: a file or folder of the certificate authorities to trust. Default: the one
        that ``REQUESTS_CA_BUNDLE`` names, else certifi's.
    :param retries: how often a call is made again, at most, while no piece of the answer has come:
        no connection, or the server failed (most of 5xx), is busy or has reached a limit (408, 409,
        425, 429). Not again: a request, a key or a name that the server refuses, a quota that is
        used up, a certificate, a silence of ``read_timeout`` (the model may be working). The waits
        are drawn at random, up to 0.5 s, 1 s, 2 s …, and begin at the server's ``Retry-After``. All
        calls of the provider share a budget: 20 at once, then one a second and one for ten
        answers. Default: 2. 0: never.
    :param retry_within: seconds from the beginning of an answer in which each retry has to begin. A
        failure after them, or with a later ``Retry-After``, goes to the client at once: clients
        try again, too. Default: 2, as the chat endpoints wait for the status
        (``LLMSTREAM_CHAT_HOLD``). 0: no retry.
    :ivar base_url: the address without its query.
    :raises ConfigurationError: an argument that can't work; the message names it.
    """

    def __init__(
        self,
        base_url: str,
        api_key: ApiKey = None,
        *,
        model: Optional[str] = None,
        prompts: str = "chat",
        options: Optional[Mapping[str, Any]] = None,
        params: Optional[Mapping[str, Any]] = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 60.0,
        headers: Optional[Mapping[str, str]] = None,
        ca_bundle: Optional[str] = None,
        retries: int = 2,
        retry_within: float = 2.0,
    ) -> None:
        if prompts not in ("completions", "chat"):
            raise ConfigurationError(f"prompts: 'completions' or 'chat', not {prompts!r}")
        self._requests = RequestMaker(model, prompts, checked_options(options))
        self._upstream = Upstream(
            base_url,
            api_key,
            own_path="/completions",
            retries=RetryPolicy(retries, retry_within),
            params=params,
            headers=headers,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            ca_bundle=ca_bundle,
        )
        self.base_url = self._upstream.address
        self.model = model

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r}, model={self.model!r})"

    def stream(self, request: CompletionRequest) -> Iterable[Piece]:
        """Begin one answer; see :meth:`Provider.stream`.

        If the server refuses, breaks the answer off or takes too long, the iteration raises a
        :class:`~flask_llmstream.errors.ProviderError`. A request that the server calls wrong
        becomes 400 (413 where it is too large) and keeps the server's message. A limit or a quota
        becomes 429, an overload 503, both with ``Retry-After``. A refused key, an unknown model
        and all other failures of the server become 502, its silence 504.
        """
        asked = self._requests.request_for(request)
        attempts = Attempts(self._upstream, asked, _read, _DISPENSABLE)
        return AbortableDeltas(attempts.pieces(), attempts.abort)


def _read(call: HTTPCall, errors: UpstreamErrors) -> Generator[Piece, None, None]:
    return OpenAICall(call, errors).deltas()
