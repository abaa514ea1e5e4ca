"""``Earlier``: what the earlier responses of a request's owner said."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from typing import Any, Dict, Hashable, List, Mapping, Optional

from ...errors import RequestError
from ...formats.responses import Asked, ResponseEvents, WholeResponse, frames_of, response_in
from ...sse.json import json_bytes
from ...stream.ids import STREAM_ID
from ..base import KeptAnswer, KeptAnswers
from ..fields import shown
from .recent_items import RecentItems

Item = Mapping[str, Any]

_ITEM_ID = re.compile(rf"[a-z]+_({STREAM_ID})_\d+", re.ASCII)
_RESPONSE_ID = re.compile(rf"resp_({STREAM_ID})")


class Earlier(ABC):
    """The responses that requests of one owner can go on from, and name items of."""

    @abstractmethod
    def item(self, item_id: str) -> Optional[Item]:
        """An item of an earlier response; ``None`` where it is not kept."""

    @abstractmethod
    def events(self, asked: Asked, items: List[Item]) -> ResponseEvents:
        """The format of a streamed response that is kept.

        :param items: the conversation that it answers.
        """

    @abstractmethod
    def whole(self, asked: Asked, items: List[Item]) -> WholeResponse:
        """As :meth:`events`, of a response that is sent whole."""


class RecentlySaid(Earlier):
    """The items alone, in this process, for an application that keeps no answers."""

    def __init__(self, recent: RecentItems, owner: Hashable) -> None:
        self._recent, self._owner = recent, owner

    def item(self, item_id: str) -> Optional[Item]:
        return self._recent.find(self._owner, item_id)

    def events(self, asked: Asked, items: List[Item]) -> ResponseEvents:
        return ResponseEvents(asked, self._keep)

    def whole(self, asked: Asked, items: List[Item]) -> WholeResponse:
        return WholeResponse(asked, self._keep)

    def _keep(self, response: Dict[str, Any]) -> None:
        self._recent.keep(self._owner, response["output"])


class KeptResponses(Earlier):
    """The responses that the log has, with the conversations that they answered."""

    def __init__(self, kept: KeptAnswers) -> None:
        self._kept = kept
        self._read: Dict[str, Optional[KeptAnswer]] = {}  # a request may name each item of one

    def item(self, item_id: str) -> Optional[Item]:
        named = _ITEM_ID.fullmatch(item_id)
        found = None if named is None else self._find(named[1])
        items = () if found is None else _output_of(found)
        return next((item for item in items if item["id"] == item_id), None)

    def conversation(self, response_id: str) -> List[Item]:
        """The items of the conversation up to the end of a response.

        :raises RequestError: there is no such response, or it has not ended.
        """
        at = "previous_response_id"
        named = _RESPONSE_ID.fullmatch(response_id)
        found = None if named is None else self._find(named[1])
        if found is None or not found.memo:
            message = f"the response {shown(response_id)!r} is not kept here, or no more; send the "
            raise RequestError(message + "whole conversation as input", field=at)
        if found.ending is None:
            message = f"the response {shown(response_id)!r} has not ended; wait for it"
            raise RequestError(message, field=at)
        return [*json.loads(found.memo), *_output_of(found)]

    def _find(self, stream_id: str) -> Optional[KeptAnswer]:
        if stream_id not in self._read:
            self._read[stream_id] = self._kept.find(stream_id)
        return self._read[stream_id]

    def events(self, asked: Asked, items: List[Item]) -> ResponseEvents:
        format = ResponseEvents(asked)
        format.memo = json_bytes(items)
        return format

    def whole(self, asked: Asked, items: List[Item]) -> WholeResponse:
        memo = json_bytes(items)

        def keep(response: Dict[str, Any]) -> None:
            stream_id = response["id"].partition("_")[2]
            self._kept.keep(stream_id, KeptAnswer(memo, *frames_of(asked, stream_id, response)))

        format = WholeResponse(asked, keep)
        format.memo = memo
        return format


def _output_of(answer: KeptAnswer) -> List[Dict[str, Any]]:
    response = response_in(answer.ending or b"")
    output: List[Dict[str, Any]] = [] if response is None else response["output"]
    return output
