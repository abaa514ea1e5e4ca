"""``Part``: one part of a UI message, checked. Each error names its place.

Source: AI SDK, "UIMessage". Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Iterator, List, Mapping, NamedTuple

from ...errors import RequestError
from .. import checks
from ..fields import json_type


class Part(NamedTuple):
    """One part of a message.

    :ivar at: its place in the request.
    :ivar kind: its ``type``. It may be one that is not known here.
    """

    at: str
    kind: str
    members: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A member that has to be text.

        :raises RequestError: it is none.
        """
        return checks.text(f"{self.at}.{name}", self.members.get(name))

    def error(self, name: str, message: str) -> RequestError:
        """The error for a member."""
        return RequestError(message, field=f"{self.at}.{name}")


def parts_of(value: Any, at: str) -> List[Part]:
    """The parts in a list.

    :raises RequestError: it is no list of objects with a type.
    """
    if not isinstance(value, list):
        raise RequestError(f"has to be a list of parts, not {json_type(value)}", field=at)
    return list(_parts(value, at))


def _parts(value: List[Any], at: str) -> Iterator[Part]:
    for index, members in enumerate(value):
        place = f"{at}[{index}]"
        part = Part(place, "", checks.an_object(place, members))
        yield part._replace(kind=part.text("type"))
