"""``Responses``: a response is asked for as a chat completion, and answered as a response."""

from __future__ import annotations

from functools import partial
from typing import Any, List, Mapping, Optional, Union

from ...errors import RequestError
from ...formats import Format
from ...formats.responses import Asked, ResponseEvents, WholeResponse, receipt
from .. import checks
from ..base import ClientRequest, ParsedRequest, Protocol
from ..chat_completions import other_format
from ..completion import ChatRequest
from ..description import Description
from ..descriptions.responses import responses
from .asked import repeated
from .conversation import read_conversation
from .earlier import Earlier, KeptResponses, RecentlySaid
from .names import FIELD_NAMES, tool_names
from .options import read_options
from .recent_items import RecentItems
from .refused import refuse_what_is_not_here


class Responses(Protocol):
    """A response to text or to items.

    :param recent: the items of recent answers, for requests that only name them, where no answers
        are kept. Default: they are kept in this process, within the bounds of :class:`RecentItems`.
    """

    name, rule = "responses", "/responses"
    field_names = FIELD_NAMES

    def __init__(self, recent: Optional[RecentItems] = None) -> None:
        self._recent = RecentItems() if recent is None else recent

    def read(self, request: ClientRequest) -> ParsedRequest:
        fields, kept = request.fields, request.kept
        refuse_what_is_not_here(fields, kept is not None)
        is_stored = checks.flag("store", fields.get("store")) is not False
        in_background = _in_background(fields, is_stored)
        before: List[Any] = []
        previous = fields.get("previous_response_id") or None
        earlier: Earlier = RecentlySaid(self._recent, request.owner())
        if kept is not None:
            earlier = responses_kept = KeptResponses(kept)
            if previous is not None:
                before = responses_kept.conversation(checks.text(_PREVIOUS, previous))
        told = read_conversation(fields, earlier.item, before)
        asked = {**read_options(fields), "messages": told.messages}
        names = {**told.names, **tool_names(asked.get("tools", ()))}
        keep = earlier if is_stored else None
        answer = partial(_format, request, keep, told.items)
        at_once = in_background and not fields.get("stream")
        return ParsedRequest(asked, answer, names, in_background, receipt if at_once else None)

    def describe(self) -> Description:
        return responses()


_PREVIOUS = "previous_response_id"


def _in_background(fields: Mapping[str, Any], is_stored: bool) -> bool:
    """Whether the answer is made in the background.

    :raises RequestError: it is, and nobody could find it then.
    """
    asked = checks.flag("background", fields.get("background")) or False
    if asked and not is_stored:
        raise RequestError("has to be false with store: false", field="background")
    return asked


def _format(
    request: ClientRequest, earlier: Optional[Earlier], items: List[Any], chat: ChatRequest
) -> Union[Format, str]:
    fields = request.fields
    in_background = bool(fields.get("background"))
    other = other_format(request.query)
    if other is not None and not in_background:
        return other
    previous = fields.get(_PREVIOUS) or None
    asked = Asked(
        chat.completion.model, repeated(fields), background=in_background, previous=previous
    )
    if earlier is None:
        return _of_nobody(asked, chat)
    if not (chat.stream or in_background):
        return earlier.whole(asked, items)
    format = earlier.events(asked, items)
    format.may_be_plain = not in_background
    return format


def _of_nobody(asked: Asked, chat: ChatRequest) -> Format:
    """The format of a response that is not kept."""
    if not chat.stream:
        return WholeResponse(asked)
    format = ResponseEvents(asked)
    format.is_resumable = False
    return format
