"""``OpenAICompatible``: any server that speaks OpenAI's API, on this machine or far away.

It imports requests, so ``import flask_llmstream`` leaves this module out.
"""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import math
import os
import re
from typing import Any, Dict, Iterable, Mapping, Optional, Set, Tuple
from urllib.parse import urlsplit

from requests import Request, RequestException
from requests.structures import CaseInsensitiveDict

from ..errors import ConfigurationError
from ..http.call import HTTPCall
from ..records import TOKEN_LIMITS, CompletionRequest
from ..sse.json import json_bytes
from .abortable_deltas import AbortableDeltas
from .base import Piece, Provider
from .openai_call import OpenAICall
from .token_limits import capped
from .upstream_errors import UpstreamErrors

_FIXED_HEADERS = {
    "Accept": "text/event-stream, application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
}
_HEADER_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"([\x21-\x7e]+( +[\x21-\x7e]+)*)?")
_SHORTEST_SECRET = 6
"""Shorter words of ``headers`` are not cut out of the server's messages."""


class OpenAICompatible(Provider):
    """A model behind OpenAI's API: llama.cpp, vLLM, Ollama, a hosted service.

    A ``prompt`` is sent to ``{base_url}/completions``, ``messages`` are sent to
    ``{base_url}/chat/completions``. Each answer has a connection of its own. Redirects are not
    followed, and ``.netrc`` is not read. The proxies of the environment are used, but never for a
    loopback address.

    :param base_url: the API's address; mostly it ends in ``/v1``.
    :param api_key: sent as a bearer token; no log and no error shows it. Default: none.
    :param model: the model's name at that server. Default: its registered name here.
    :param prompts: the endpoint for a ``prompt``: ``completions`` (the model continues it) or
        ``chat`` (the model answers it, as the only message). Default: ``completions``.
    :param options: parameters of the model, used where a request does not set them. Default:
        none. ``LLMSTREAM_MAX_TOKENS`` is sent as ``max_tokens``. If one of these options is
        another limit of tokens, it is sent under that name, too. OpenAI's reasoning models take
        only ``max_completion_tokens``; it is then sent alone.
    :param connect_timeout: seconds to look the server's name up, and then for each of its
        addresses. Default: 5. 0: no bound.
    :param read_timeout: seconds without a byte, before the first token and between any two.
        Default: 60. 0: no bound.
    :param headers: more headers for each call. Default: none.
    :param ca_bundle: a file or folder of the certificate authorities to trust. Default: the one
        that ``REQUESTS_CA_BUNDLE`` names, else certifi's.
    :raises ConfigurationError: an argument that can't work; the message names it.
    """

    def __init__(
        self,
        base_url: str,
        api_key: Optional[str] = None,
        *,
        model: Optional[str] = None,
        prompts: str = "completions",
        options: Optional[Mapping[str, Any]] = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 60.0,
        headers: Optional[Mapping[str, str]] = None,
        ca_bundle: Optional[str] = None,
    ) -> None:
        if prompts not in ("completions", "chat"):
            raise ConfigurationError(f"prompts: 'completions' or 'chat', not {prompts!r}")
        if ca_bundle is not None and not os.path.exists(ca_bundle):
            raise ConfigurationError(f"ca_bundle: there is no {ca_bundle!r}")
        self.base_url: str = _checked_url(base_url)
        self.model = model
        self._prompts = prompts
        for name, given in (("options", options), ("headers", headers)):
            _check_mapping(name, given)
        self._options = _checked_options(options or {})
        self._headers = _checked_headers(api_key, headers or {})
        self._connect_timeout = _checked_timeout("connect_timeout", connect_timeout)
        self._read_timeout = _checked_timeout("read_timeout", read_timeout)
        self._ca_bundle = ca_bundle
        self._errors = UpstreamErrors(self.base_url, _secrets(api_key, headers or {}))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r}, model={self.model!r})"

    def stream(self, request: CompletionRequest) -> Iterable[Piece]:
        """Begin one answer; see :meth:`Provider.stream`.

        If the server refuses, breaks the answer off or takes too long, the iteration raises a
        :class:`~flask_llmstream.errors.ProviderError`. 429 and 503 keep their status and
        ``Retry-After``. 400 and 422 become 400 and keep the server's message. A refused key, an
        unknown model and all other failures of the server become 502, its silence 504.
        """
        path, question = self._question(request)
        body = {**self._options_of(request), **question, **self._fixed(request)}
        call = HTTPCall(
            "POST",
            self.base_url + path,
            headers=self._headers,
            body=json_bytes(body),
            connect_timeout=self._connect_timeout,
            read_timeout=self._read_timeout,
            ca_bundle=self._ca_bundle,
        )
        return AbortableDeltas(OpenAICall(call, self._errors).deltas(), call.abort)

    def _question(self, request: CompletionRequest) -> Tuple[str, Dict[str, Any]]:
        """The endpoint's path, and the prompt or the messages in the form that it takes."""
        messages = request.messages
        if not messages and self._prompts == "chat":
            messages = ({"role": "user", "content": request.prompt or ""},)
        if messages:
            return "/chat/completions", {"messages": messages}
        return "/completions", {"prompt": request.prompt or ""}

    def _options_of(self, request: CompletionRequest) -> Dict[str, Any]:
        options = {**self._options, **request.options}
        if request.max_tokens is None:
            return options
        name = next((name for name in TOKEN_LIMITS if name in self._options), TOKEN_LIMITS[0])
        return capped(options, request.max_tokens, name)

    def _fixed(self, request: CompletionRequest) -> Dict[str, Any]:
        """The fields that no option can change."""
        return {
            "model": self.model or request.model,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


def _checked_url(url: str) -> str:
    form = "base_url: an address like 'https://api.example.com/v1' is wanted"
    if not isinstance(url, str):
        raise ConfigurationError(f"{form}, not {url!r}")
    if "@" in url:
        raise ConfigurationError(f"{form}, without a user and password: use api_key or headers")
    try:
        parts = urlsplit(url)
        Request("POST", url).prepare()
        usable = parts.scheme in ("http", "https") and parts.port != 0
    except (ValueError, RequestException):
        usable = False
    if not usable or parts.query or parts.fragment or re.search(r"\s", url):
        raise ConfigurationError(f"{form}, without a query, not {url!r}")
    url = url.rstrip("/")
    if url.endswith("/completions"):
        raise ConfigurationError(f"{form}: leave the endpoint's own path off {url!r}")
    return url


def _check_mapping(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{name}: has to be a mapping, not {type(value).__name__}")


def _checked_options(options: Mapping[str, Any]) -> Dict[str, Any]:
    try:
        json_bytes(options)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"options: {error}") from None
    return dict(options)


def _checked_timeout(name: str, seconds: float) -> Optional[float]:
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        raise ConfigurationError(f"{name}: has to be seconds from 0, not {seconds!r}")
    return seconds or None


def _checked_headers(
    api_key: Optional[str], headers: Mapping[str, str]
) -> CaseInsensitiveDict[str]:
    for name, value in dict(headers, api_key=api_key or "").items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"headers: {name!r} can't be a header's name")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(  # without the value, which may be the secret itself
                f"{name}: has to be printable ASCII in one line; was it read from a file with "
                "its line break?"
            )
    sent = CaseInsensitiveDict(headers)
    sent.update(_FIXED_HEADERS)
    if api_key:
        sent["Authorization"] = f"Bearer {api_key}"
    return sent


def _secrets(api_key: Optional[str], headers: Mapping[str, str]) -> Set[str]:
    words = {word for value in headers.values() for word in value.split()}
    return {word for word in words if len(word) >= _SHORTEST_SECRET} | ({api_key or ""} - {""})
