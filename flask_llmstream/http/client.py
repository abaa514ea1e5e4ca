"""``HTTPClient``: makes the calls of one provider."""

from __future__ import annotations

from typing import Mapping, Optional

from .address import address_of
from .call import HTTPCall
from .connections import Connections
from .request import HTTPRequest


class HTTPClient:
    """Makes calls with the same bounds and the same trust. Any thread may use it.

    :param connect_timeout: seconds to look a server's name up, and then for each of its addresses.
        Default: no bound.
    :param read_timeout: seconds without a byte, before an answer and in it. Default: no bound.
    :param ca_bundle: the file or folder of the certificate authorities to trust, for ``https``.
        Default: see :func:`~flask_llmstream.http.environment.trusted_authorities`.
    """

    def __init__(
        self,
        *,
        connect_timeout: Optional[float] = None,
        read_timeout: Optional[float] = None,
        ca_bundle: Optional[str] = None,
    ) -> None:
        self._connections = Connections(connect_timeout, read_timeout, ca_bundle)

    def call(
        self, method: str, url: str, *, headers: Mapping[str, str], body: Optional[bytes] = None
    ) -> HTTPCall:
        """Make a call, which is not opened yet.

        :param url: an absolute URL, ``http`` or ``https``.
        :param headers: the request's headers. ``Host``, ``Content-Length``, ``User-Agent`` and
            ``Accept-Encoding: identity`` are added where they are missing.
        :param body: Default: none.
        :raises ValueError: ``url`` or a header can't be sent.
        :raises OSError: the certificate authorities can't be read.
        """
        address = address_of(url)
        if address.scheme == "https":
            self._connections.trust()
        request = HTTPRequest(method, address, headers, body)
        return HTTPCall(self._connections, address, request)
