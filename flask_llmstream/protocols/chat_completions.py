"""``POST /chat/completions``: OpenAI's chat completions, and with a prompt the message format.

Source: OpenAI's reference, "Create chat completion".
"""

from __future__ import annotations

from functools import partial
from typing import Mapping, Optional, Union

from ..errors import RequestError
from ..formats import FORMATS, Format
from ..formats.openai import ChatCompletion, ChatCompletionChunks
from .base import ClientRequest, ParsedRequest, Protocol
from .completion import ChatRequest
from .description import Description
from .descriptions.chat_completions import chat_completions

OPENAI = "openai"
"""The name of the format that is OpenAI's, in a query."""


class ChatCompletions(Protocol):
    """A conversation is answered in OpenAI's form, a prompt in the blueprint's own format."""

    name, rule = "completions", "/chat/completions"

    def read(self, request: ClientRequest) -> ParsedRequest:
        return ParsedRequest(request.fields, partial(chat_format, request.query, False))

    def describe(self) -> Description:
        return chat_completions()


def chat_format(
    query: Mapping[str, str], is_event_source: bool, chat: ChatRequest
) -> Union[Format, str, None]:
    """The format of the answer to a chat: the one that the query names, OpenAI's for messages, or
    the blueprint's own.

    :param is_event_source: whether the client may come back with the ID of the last event.
    """
    named = named_format(query)
    if named != OPENAI and (named is not None or not chat.speaks_openai):
        return named
    model = chat.completion.model
    if chat.stream:
        return ChatCompletionChunks(model, chat.include_usage, is_event_source)
    return ChatCompletion(model)


def named_format(query: Mapping[str, str]) -> Optional[str]:
    """The format that a query names; ``None`` where it names none.

    :raises RequestError: there is no such format.
    """
    name = query.get("format")
    if name is not None and name not in (*FORMATS, OPENAI):
        raise RequestError(
            f"{name[:40]!r} is none of {', '.join(FORMATS)}, {OPENAI}", field="format"
        )
    return name


def other_format(query: Mapping[str, str]) -> Optional[str]:
    """The format that a query names in place of OpenAI's; ``None`` where it names no other.

    :raises RequestError: there is no such format.
    """
    named = named_format(query)
    return None if named == OPENAI else named
