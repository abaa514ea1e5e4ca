"""The APIs that clients speak: how a request is read, and how its answer is written."""

from __future__ import annotations

from typing import Tuple

from .ag_ui import AGUI
from .base import ClientRequest, ParsedRequest, Protocol
from .chat_completions import ChatCompletions
from .description import Description
from .event_source import EventSourceQuery
from .responses import Responses
from .text_completions import TextCompletions
from .ui_messages.protocol import UIMessages

PROTOCOLS: Tuple[Protocol, ...] = (
    ChatCompletions(),
    EventSourceQuery(),
    TextCompletions(),
    Responses(),
    AGUI(),
    UIMessages(),
)
"""The protocols of each chat blueprint. One object of each serves all requests."""

__all__ = ["PROTOCOLS", "ClientRequest", "Description", "ParsedRequest", "Protocol"]
