"""``POST /chat/ui``: the AI SDK's ``useChat`` and ``useCompletion``, with the URL alone.

Sources: AI SDK, "Transport" (``DefaultChatTransport``), "Stream Protocols", ``useCompletion``;
assistant-ui, ``AssistantChatTransport``.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, Mapping, Tuple

from ...formats.ui_message.chunks import failure_as_text
from ...formats.ui_message.format import UIMessageFormat
from ...records import ErrorInfo
from ..base import ClientRequest, ParsedRequest, Protocol
from ..completion import ChatRequest
from ..description import Description
from ..descriptions.ui_messages import ui_messages
from ..fields import CHECKS
from .assistant_ui import added_options, added_tools, instructions_of
from .conversation import conversation_of

_READ_HERE = ("messages", "prompt", "stream", "stream_options")


class UIMessages(Protocol):
    """UI messages in, a UI message stream out.

    The fields of a chat completion are what they are there: a page adds them by the ``body`` of its
    transport. The instructions, tools and options that assistant-ui adds are read, too. ``id`` is
    the chat's, by which the page finds an answer again that can be resumed. All other fields are
    the page's own (``trigger``, ``messageId`` and more), and are ignored, whatever
    ``unknown_fields`` says.
    """

    name, rule = "ui_messages", "/chat/ui"

    def read(self, request: ClientRequest) -> ParsedRequest:
        given = request.fields
        options, names = added_options(given)
        tools, names_in_tools = added_tools(given)
        fields = {**_of_a_chat(given), **options, **tools}
        names = {**names, **names_in_tools}
        if given.get("messages") is None and given.get("prompt") is not None:
            asked = {**fields, "prompt": given["prompt"]}
            return ParsedRequest(asked, partial(_answer, True, (), ""), names)
        told = conversation_of(given.get("messages"), instructions_of(given))
        chat_id = given.get("id")
        known = chat_id if isinstance(chat_id, str) else ""
        answer = partial(_answer, not told.goes_on, tuple(told.call_ids), known)
        return ParsedRequest({**fields, "messages": told.messages}, answer, {**names, **told.names})

    def describe(self) -> Description:
        return ui_messages()

    def failure(self, failure: ErrorInfo) -> Tuple[str, bytes]:
        return failure_as_text(failure)


def _of_a_chat(given: Mapping[str, Any]) -> Dict[str, Any]:
    """The fields of a chat completion, but for the question itself."""
    names = [name for name in CHECKS if name in given and name not in _READ_HERE]
    return {**{name: given[name] for name in names}, "stream": True}


def _answer(
    names_message: bool, taken_ids: Tuple[str, ...], chat_id: str, chat: ChatRequest
) -> UIMessageFormat:
    return UIMessageFormat(names_message=names_message, taken_ids=taken_ids, chat_id=chat_id)
