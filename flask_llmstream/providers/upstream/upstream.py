"""``Upstream``: a model's server over HTTP, with all that its calls share.

It imports requests.
"""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import Any, Callable, Dict, FrozenSet, Iterable, Mapping, Optional

from ...errors import ConfigurationError
from ...http.call import HTTPCall
from ...http.client import HTTPClient
from ...sse.json import json_bytes
from .endpoint import checked_endpoint
from .errors import UpstreamErrors
from .keys import ApiKey, Keys
from .request import UpstreamRequest
from .retrying import RetryPolicy
from .settings import checked_headers, checked_mapping, checked_timeout, secrets_in

_NONE: Mapping[str, str] = MappingProxyType({})


def bearer(key: str) -> Dict[str, str]:
    """The header for a key, as OpenAI's API has it."""
    return {"Authorization": f"Bearer {key}"}


def _no_headers(key: str) -> Dict[str, str]:
    return {}


class Upstream:
    """A model's server: its address, and all that the calls of one provider share.

    For the parameters that are not told here see :class:`OpenAICompatible`.

    :param own_path: the end of a path that the provider adds to ``base_url`` itself.
    :param retries: when a call that failed is made again. Default: twice within 2 seconds.
    :param key_headers: the headers that carry a key. Default: a bearer token.
    :param more_headers: headers of each call, unless ``headers`` have them. Default: none.
    :ivar address: the API's address, without its query.
    :ivar retries: the policy.
    :ivar keys: the key of each attempt.
    :ivar errors: makes the errors of a call with a fixed key, or with none.
    :raises ConfigurationError: an argument that can't work; the message names it.
    """

    def __init__(
        self,
        base_url: str,
        api_key: ApiKey = None,
        *,
        own_path: str,
        retries: Optional[RetryPolicy] = None,
        key_headers: Callable[[str], Mapping[str, str]] = bearer,
        more_headers: Mapping[str, str] = _NONE,
        params: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, str]] = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 60.0,
        ca_bundle: Optional[str] = None,
    ) -> None:
        if ca_bundle is not None and not os.path.exists(ca_bundle):
            raise ConfigurationError(f"ca_bundle: there is no {ca_bundle!r}")
        headers = checked_mapping("headers", headers)
        self._endpoint = checked_endpoint(base_url, checked_mapping("params", params), own_path)
        sent = checked_headers(headers, more_headers)
        self._client = HTTPClient(
            connect_timeout=checked_timeout("connect_timeout", connect_timeout),
            read_timeout=checked_timeout("read_timeout", read_timeout),
            ca_bundle=ca_bundle,
        )
        self._refused: FrozenSet[str] = frozenset()
        self.address = self._endpoint.address
        self.retries = retries or RetryPolicy()
        self.keys = Keys(api_key)
        self._key_headers = key_headers if self.keys else _no_headers
        for name in self._key_headers("key"):
            sent.pop(name, None)  # in any case; a plain copy for each call is cheap
        self._headers = dict(sent)
        secrets = {*secrets_in(headers), *self._endpoint.secrets(), self.keys.fixed}
        self.errors = UpstreamErrors(self.address, secrets)

    def call(self, request: UpstreamRequest, key: str) -> HTTPCall:
        """One call to the server, not begun yet.

        :param key: ``""`` for none.
        """
        headers = {**self._headers, **self._key_headers(key)}
        url, body = self._endpoint.url(request.path), json_bytes(request.body)
        return self._client.call("POST", url, headers=headers, body=body)

    def errors_for(self, key: str) -> UpstreamErrors:
        """What makes the errors of a call with this key."""
        return self.errors.with_key(key) if self.keys.rotate else self.errors

    def accepted(self, request: UpstreamRequest) -> UpstreamRequest:
        """The request without the members that this server has refused."""
        for member in self._refused:
            request = request.without(member)
        return request

    def learn(self, members: Iterable[str]) -> None:
        """Remember that the server answers only without these members."""
        self._refused = self._refused.union(members)
