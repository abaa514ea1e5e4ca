"""``Canned``: an adapter that answers without a connection, as the mocks of requests do."""

from __future__ import annotations

from io import BytesIO
from typing import Any, List

from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse


class Pieces:
    """A body that arrives in these pieces."""

    def __init__(self, pieces: List[bytes]) -> None:
        self._pieces = list(pieces)

    def read1(self, most: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None:
        pass


class Canned(BaseAdapter):
    """Answers each request with the next of these bodies; with the last one again and again.

    :param bodies: bytes, or a list of the pieces in which they arrive.
    :ivar requests: the requests so far.
    """

    def __init__(self, *bodies: Any, status: int = 200, **headers: str) -> None:
        super().__init__()
        self._bodies = list(bodies)
        self._status = status
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.requests: List[PreparedRequest] = []
        self.was_closed = False

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        self.requests.append(request)
        body = self._bodies.pop(0) if len(self._bodies) > 1 else self._bodies[0]
        response = Response()
        response.request, response.url = request, request.url
        response.status_code = self._status
        response.headers = CaseInsensitiveDict(self._headers)
        if isinstance(body, bytes):
            response.raw = HTTPResponse(BytesIO(body), preload_content=False)
        else:
            response.raw = Pieces(body)
        return response

    def close(self) -> None:
        self.was_closed = True


def session_of(adapter: BaseAdapter) -> Session:
    session = Session()
    session.mount("http://", adapter)
    return session
