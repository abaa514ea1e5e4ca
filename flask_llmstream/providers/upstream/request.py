"""``UpstreamRequest``: a request in the form of the model's server.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple


class UpstreamRequest(NamedTuple):
    """A request to one of the server's paths.

    :ivar path: behind the API's address, ``/chat/completions`` say.
    :ivar body: the members of its JSON.
    """

    path: str
    body: Dict[str, Any]

    def without(self, member: str) -> UpstreamRequest:
        """The same request, with a member of its body left out."""
        body = {name: value for name, value in self.body.items() if name != member}
        return self._replace(body=body)
