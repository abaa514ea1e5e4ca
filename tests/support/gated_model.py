"""``GatedModel``: a model's server that writes a token when the test says so."""

from __future__ import annotations

import threading
from typing import Any, Dict, List, Tuple, Union

from tests.support.servers import HANG_GUARD
from tests.support.upstream import CLOSING_HEAD, Exchange, Upstream, chat_delta


class GatedModel:
    """It also notices the end of its reader.

    :ivar upstream: the server, which the test enters.
    """

    def __init__(self) -> None:
        self.upstream = Upstream(self._script)
        self._steps: List[Tuple[Any, bool]] = []
        self._stepped = threading.Condition()

    def write(self, delta: Union[str, Dict[str, Any]]) -> None:
        """Write a token, or another delta."""
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        self._take(chat_delta(delta) if isinstance(delta, str) else {"choices": [choice]})

    def end(self, reason: str = "stop", tokens: int = 1) -> None:
        """End the answer, with a count of its tokens."""
        usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}
        self._take({**chat_delta(None, reason), "usage": usage}, is_last=True)

    def messages(self) -> List[Tuple[str, str]]:
        """The conversation of the newest request: each role with its words."""
        sent = self.upstream.requests[-1].json["messages"]
        return [(message["role"], message["content"]) for message in sent]

    def hung_up_before_its_next_token(self) -> bool:
        """Whether its reader has left. The script is waiting, so the connection is looked at."""
        self.upstream.requests[-1].wait_for_hang_up()
        self.end()
        return self.upstream.hung_up.wait(HANG_GUARD)

    def _script(self, exchange: Exchange) -> None:
        exchange.send(CLOSING_HEAD)
        is_last = False
        while not is_last:
            chunk, is_last = self._next_step()
            exchange.send_event(chunk)
        exchange.send_event("[DONE]")
        exchange.send_chunk("")

    def _take(self, chunk: Any, is_last: bool = False) -> None:
        with self._stepped:
            self._steps.append((chunk, is_last))
            self._stepped.notify()

    def _next_step(self) -> Tuple[Any, bool]:
        with self._stepped:
            self._stepped.wait_for(lambda: self._steps)
            return self._steps.pop(0)
