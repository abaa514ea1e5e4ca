"""``RecentItems``: the items of recent answers, by their IDs.

A client may send an item of an earlier answer as its ID alone, as the AI SDK does.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any, Deque, Dict, Hashable, Iterable, List, Mapping, NamedTuple, Optional

from ...runtime.atomic import try_pop
from ...sse.json import json_bytes

MAX_ITEMS = 10_000
"""The most items that a process keeps."""

MAX_BYTES = 16 * 1024 * 1024
"""The most bytes of these items as JSON."""


class RecentItems:
    """Keeps items in this process. The oldest are forgotten.

    Any number of threads and greenlets may call it at a time, and none waits for another. There is
    no lock: of several callers that find too many items, one forgets for all.

    :param max_items: the most items. Default: :data:`MAX_ITEMS`.
    :param max_bytes: the most bytes of all items as JSON. Default: :data:`MAX_BYTES`. An item that
        is longer is not kept.
    """

    def __init__(self, max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> None:
        self._max_items, self._max_bytes = max_items, max_bytes
        self._by_id: Dict[str, _Kept] = {}
        self._arrived: Deque[_Kept] = deque()  # not counted yet
        self._counted: Deque[_Kept] = deque()  # the oldest first
        self._bytes = 0  # of those that are counted
        self._turn: List[bool] = [True]  # whoever takes it counts and forgets

    def keep(self, owner: Hashable, items: Iterable[Mapping[str, Any]]) -> None:
        """Keep items of one owner, each under its ``id``."""
        for item in items:
            kept = _Kept(owner, item["id"], json_bytes(item))
            if len(kept.text) <= self._max_bytes:
                self._by_id[kept.id] = kept
                self._arrived.append(kept)
        self._forget_too_many()

    def find(self, owner: Hashable, item_id: str) -> Optional[Dict[str, Any]]:
        """The item of this ID; ``None`` where this owner has none of it, or it is forgotten."""
        kept = self._by_id.get(item_id)
        if kept is None or kept.owner != owner:
            return None
        item: Dict[str, Any] = json.loads(kept.text)
        return item

    def _forget_too_many(self) -> None:
        # The look at what has arrived follows the turn's return, so no item is overlooked.
        while self._arrived:
            if try_pop(self._turn) is None:
                return
            try:
                self._count(self._arrived)
            finally:
                self._turn.append(True)

    def _count(self, arrived: Deque[_Kept]) -> None:
        while arrived:
            kept = arrived.popleft()
            self._counted.append(kept)
            self._bytes += len(kept.text)
            while len(self._counted) > self._max_items or self._bytes > self._max_bytes:
                oldest = self._counted.popleft()
                self._bytes -= len(oldest.text)
                self._by_id.pop(oldest.id, None)


class _Kept(NamedTuple):
    """One item, as JSON: nobody can change it."""

    owner: Hashable
    id: str
    text: bytes
