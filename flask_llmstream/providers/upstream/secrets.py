"""``Secrets``: the words that no message and no log may show. Standard library only, no I/O."""

from __future__ import annotations

import json
from collections import deque
from copy import copy
from html import escape
from typing import Deque, FrozenSet, Iterable, Iterator
from urllib.parse import quote

MOST_KEYS = 64
"""So many keys that came one after another are remembered. Each user may have another one."""


SHORTEST_SECRET = 6
"""Shorter words are not cut out of messages. A key such as ``x`` stands for none, and is a part of
many words."""


class Secrets:
    """The words that no message may show. Any thread may use it.

    :param words: secrets that stay.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(_spellings(words))
        self._recent: Deque[FrozenSet[str]] = deque(maxlen=MOST_KEYS)

    def with_key(self, key: str) -> Secrets:
        """These secrets and a key that is about to be used. The others remember it, too, as long as
        it is among the last :data:`MOST_KEYS`."""
        spellings = frozenset(_spellings([key]))
        if spellings not in self._recent.copy():  # the deque itself must not change meanwhile
            self._recent.append(spellings)
        more = copy(self)
        more._words |= spellings
        return more

    def cut_from(self, text: str) -> str:
        """The text with ``***`` in place of each secret."""
        secrets = self._words.union(*self._recent.copy())
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def _spellings(secrets: Iterable[str]) -> Iterator[str]:
    """The forms that a secret may have in JSON, in a page and in an address."""
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            continue
        yield from (secret, quote(secret), escape(secret), escape(secret, quote=False))
        in_json = json.dumps(secret)[1:-1]
        yield from (in_json, in_json.replace("/", "\\/"))
