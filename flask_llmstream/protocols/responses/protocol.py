"""``Responses``: a response is asked for as a chat completion, and answered as a response."""

from __future__ import annotations

from functools import partial
from typing import Optional, Union

from ...formats import Format
from ...formats.responses import Asked, Keep, ResponseEvents, WholeResponse
from ..base import ClientRequest, ParsedRequest, Protocol
from ..chat_completions import other_format
from ..completion import ChatRequest
from ..description import Description
from ..descriptions.responses import responses
from .asked import repeated
from .conversation import read_conversation
from .names import FIELD_NAMES, tool_names
from .options import read_options
from .recent_items import RecentItems
from .refused import refuse_what_is_not_here


class Responses(Protocol):
    """A response to text or to items.

    :param recent: the items of recent answers, for requests that only name them. Default: they are
        kept in this process, within the bounds of :class:`RecentItems`.
    """

    name, rule = "responses", "/responses"
    field_names = FIELD_NAMES

    def __init__(self, recent: Optional[RecentItems] = None) -> None:
        self._recent = RecentItems() if recent is None else recent

    def read(self, request: ClientRequest) -> ParsedRequest:
        fields = request.fields
        refuse_what_is_not_here(fields)
        owner = request.owner()
        told = read_conversation(fields, partial(self._recent.find, owner))
        asked = {**read_options(fields), "messages": told.messages}
        keep = None if fields.get("store") is False else partial(self._recent.keep, owner)
        names = {**told.names, **tool_names(asked.get("tools", ()))}
        return ParsedRequest(asked, partial(_format, request, keep), names)

    def describe(self) -> Description:
        return responses()


def _format(
    request: ClientRequest, keep: Optional[Keep], chat: ChatRequest
) -> Union[Format, str]:
    other = other_format(request.query)
    if other is not None:
        return other
    asked = Asked(chat.completion.model, repeated(request.fields))
    return ResponseEvents(asked, keep) if chat.stream else WholeResponse(asked, keep)
