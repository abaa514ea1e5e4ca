"""OpenAI's older form, "Create completion".

One request gets one answer to one text here. ``max_tokens`` has no default of 16, as it has at
OpenAI: an answer is as long as its model writes it. Standard library only, no I/O.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, Mapping, Tuple, Union

from ..errors import RequestError
from ..formats import Format
from ..formats.openai_text import TextCompletion, TextCompletionChunks
from . import checks
from .base import ClientRequest, ParsedRequest, Protocol
from .chat_completions import other_format
from .completion import ChatRequest
from .description import Description
from .descriptions.text_completions import text_completions
from .fields import json_type

_OF_CHAT = ("messages", "tools", "functions")
_ANSWERED_HERE = ("prompt", "stream", "echo", "best_of", "logprobs")


class TextCompletions(Protocol):
    """``POST /completions``: one prompt in, its continuation out, in chunks or whole."""

    name, rule = "text_completions", "/completions"
    field_names = {"top_logprobs": "logprobs"}

    def read(self, request: ClientRequest) -> ParsedRequest:
        fields, stream, echo = parse_text(request.fields)
        return ParsedRequest(fields, partial(_format, request.query, stream, echo))

    def describe(self) -> Description:
        return text_completions()


def _format(
    query: Mapping[str, str], stream: bool, echo: str, chat: ChatRequest
) -> Union[Format, str]:
    other = other_format(query)
    if other is not None:
        return other
    model = chat.completion.model
    if stream:
        return TextCompletionChunks(model, chat.include_usage, echo)
    return TextCompletion(model, echo)


def parse_text(fields: Mapping[str, Any]) -> Tuple[Dict[str, Any], bool, str]:
    """The fields of a request, as those of a chat request with a prompt.

    :returns: these fields; whether the answer is streamed; the text that is sent before it.
    :raises RequestError: a field has the wrong type, is missing, or asks for something that there
        is not.
    """
    for name in _OF_CHAT:
        if fields.get(name):
            raise RequestError("belongs to /chat/completions; send it there", field=name)
    prompt, best_of = _prompt(fields.get("prompt")), fields.get("best_of")
    stream, echo = (bool(checks.flag(name, fields.get(name))) for name in ("stream", "echo"))
    if best_of is not None and (best_of != 1 or best_of is True):
        raise RequestError("has to be 1: one request gets one answer here", field="best_of")
    if echo and fields.get("logprobs") not in (None, False):
        message = "the log probabilities of a prompt are not known; leave out echo or logprobs"
        raise RequestError(message, field="echo")
    others = {name: value for name, value in fields.items() if name not in _ANSWERED_HERE}
    asked = {**others, **_logprobs(fields.get("logprobs")), "prompt": prompt, "stream": True}
    return asked, stream, prompt if echo else ""


def _prompt(value: Any) -> str:
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, (int, list)) and not isinstance(first, bool) and first != []:
        raise RequestError("tokens can't be read here; send the text", field="prompt")
    if isinstance(value, list) and len(value) > 1:
        message = "one request gets one answer here; send a request for each text"
        raise RequestError(message, field="prompt")
    if value is None or value == []:
        raise RequestError("give the text to continue", field="prompt")
    if not isinstance(first, str):
        message = f"has to be text, or a list of one text, not {json_type(first)}"
        raise RequestError(message, field="prompt")
    return first


def _logprobs(value: Any) -> Dict[str, Any]:
    """The log probabilities that are asked for, as a chat request asks for them."""
    if value is None or value is False:
        return {}
    if type(value) not in (int, float) or value < 0 or value % 1:
        raise RequestError("has to be a whole number from 0", field="logprobs")
    return {"logprobs": True, "top_logprobs": int(value)} if value else {"logprobs": True}
