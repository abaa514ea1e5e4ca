"""Two senders, one reader and one side that ends: in every order, with every strategy."""

from __future__ import annotations

import operator
from typing import Any, Callable, Dict, List, Optional, Type

import pytest

from flask_llmstream.channel import channel, latest, lossy, overflow
from flask_llmstream.channel.channel import ChannelConfig
from flask_llmstream.channel.overflow import Overflow
from flask_llmstream.errors import StreamClosed, StreamOverflow
from flask_llmstream.records import Gap
from flask_llmstream.runtime import mutex
from flask_llmstream.runtime.mutex import Mutex
from flask_llmstream.sources import send_lock
from flask_llmstream.sources.send_lock import SendLock
from flask_llmstream.stream.options import StreamOptions
from tests.support.interleavings import Explorer


def classes_of(*modules: Any) -> List[type]:
    """The classes of these modules whose attributes can be watched."""
    found = [one for module in modules for one in vars(module).values() if isinstance(one, type)]
    names = [module.__name__ for module in modules]
    return [one for one in found if one.__module__ in names and "__slots__" in vars(one)]


HAND_OVER = classes_of(channel, lossy, latest, overflow, send_lock)
MUTEX = classes_of(mutex)
STRATEGIES: Dict[str, Dict[str, Any]] = {
    "block": {"overflow": "block", "buffer": 1},
    "buffer": {"overflow": "buffer"},
    "drop": {"overflow": "drop", "buffer": 1, "gaps": True},
    "latest": {"overflow": "latest", "buffer": 1, "gaps": True},
    "coalesce": {"overflow": "latest", "buffer": 1, "coalesce": operator.add},
    "error": {"overflow": "error", "buffer": 1},
    "missing": {"overflow": "missing"},
}
ENDS = ["complete", "complete when all is sent", "disconnect"]


class Play:
    """The works of the players, and the check for the end.

    :param end: the way in which the stream ends, one of :data:`ENDS`.
    """

    def __init__(self, explorer: Explorer, strategy: str, items: int, end: str) -> None:
        self._explorer = explorer
        self._strategy = strategy
        self._end = end
        options = dict(STRATEGIES[strategy])
        if "coalesce" in options:
            options["coalesce"] = self._merge
        said = StreamOptions(**options)
        self._send_lock = SendLock(lambda: True, explorer.wakeup)
        config = ChannelConfig(explorer.wakeup(), self._send_lock, self._encode, _told, said)
        self._channel: Any = Overflow.named(said.overflow).create(config)
        self._encoding: List[str] = []
        self._sending = 2
        self.accepted: Dict[str, List[str]] = {name: [] for name in "AB"}
        self.received = b""
        self.works: Dict[str, Callable[[], None]] = {
            "A": lambda: self._send_all("A", items),
            "B": lambda: self._send_all("B", items),
            "reader": self._read,
            "end": self._close,
        }

    def _send_all(self, name: str, items: int) -> None:
        try:
            for number in range(items):
                item = f"{name}{number} "
                self._send(item)
                self.accepted[name].append(item)
                self._explorer.step(number)
        except StreamOverflow:
            self._channel.close("overflow")
        except StreamClosed:
            """It was refused. So would be the next."""
        finally:
            self._sending -= 1

    def _send(self, item: str) -> None:
        self._send_lock.turn.acquire()
        try:
            self._deliver(item)
        finally:
            self._send_lock.turn.release()

    def _deliver(self, item: str) -> None:
        self._channel.send(item if self._channel.encodes else self._encode(item))

    def _encode(self, item: str) -> bytes:
        self._encoding.append(item)
        self._elsewhere()
        assert self._encoding == [item], "two are encoded at a time"
        self._encoding.clear()
        return item.encode()

    def _merge(self, previous: str, new: str) -> str:
        self._elsewhere()
        return previous + new

    def _elsewhere(self) -> None:
        self._explorer.pause()

    def _read(self) -> None:
        for block in iter(self._channel.receive, None):
            self.received += block
            self._explorer.step(self.received)

    def _close(self) -> None:
        if self._end == "complete when all is sent":
            self._explorer.wait(lambda: self._sending == 0)
        if self._end == "disconnect":
            self._channel.discard(self._end)
        else:
            self._channel.close("complete")
        self._send_lock.end()

    # After the end.

    def check(self) -> None:
        if self._channel.closed != "overflow":  # that leaves the item in hand unread
            assert self._channel.receive() is None, "the end comes once, and stays"
        words = self.received.decode().split()
        counts = self._channel.statistics
        for name, accepted in self.accepted.items():
            mine = [word for word in words if word[0] == name]
            assert mine == sorted(mine), "each one's order is kept"
            self._check_mine(mine, [item.strip() for item in accepted])
        told = sum(int(word[1:]) for word in words if word[0] == "-")
        waiting = counts.sent_items - counts.received_items - counts.lost_items
        assert waiting - counts.merged_items >= 0
        if self._channel.closed == "complete" and self._end != "disconnect":
            accepted = sum(map(len, self.accepted.values()))
            assert waiting == counts.merged_items, "all that was accepted is accounted for"
            assert counts.sent_items == accepted or self._strategy == "missing"
            assert told == counts.lost_items

    def _check_mine(self, mine: List[str], accepted: List[str]) -> None:
        refused = set(mine) - set(accepted)
        assert not refused or self._strategy == "missing", "what was refused does not come"
        loses = self._strategy in ("drop", "latest") or self._channel.closed != "complete"
        if not loses and self._end != "disconnect":
            assert set(accepted) <= set(mine), "what was accepted comes"


class PlainPlay(Play):
    """The same, where encoding and merging never let others go on."""

    def _elsewhere(self) -> None:
        """It lets no other player go on."""


def _told(gap: Gap) -> bytes:
    return b"-%d " % gap.lost


def explored(what: str, play: Any, classes: List[type], preemptions: Optional[int]) -> None:
    explorer = Explorer(classes, preemptions)
    explorer.explore(play)
    print(f"{what}: {explorer.runs} orders, {explorer.states} states", end="; ")


def hand_over(kind: Type[Play], strategy: str, items: int, end: str) -> Any:
    def play(explorer: Explorer) -> Any:
        made = kind(explorer, strategy, items, end)
        return made.works, made.check

    return play


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_of_them_may_be_stopped_anywhere(strategy: str) -> None:
    play = hand_over(PlainPlay, strategy, 1, "complete")
    explored(strategy, play, HAND_OVER, preemptions=1)


@pytest.mark.thorough
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_of_them_may_be_stopped_anywhere_in_the_turn_too(strategy: str, end: str) -> None:
    play = hand_over(PlainPlay, strategy, 2, end)
    explored(f"{strategy}, {end}", play, HAND_OVER + MUTEX, preemptions=1)


@pytest.mark.thorough
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_others_may_go_on_while_code_that_is_not_ours_runs(strategy: str, end: str) -> None:
    play = hand_over(Play, strategy, 2, end)
    explored(f"{strategy}, {end}", play, HAND_OVER, preemptions=1)


@pytest.mark.thorough
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_of_them_may_be_stopped_anywhere_twice(strategy: str, end: str) -> None:
    play = hand_over(PlainPlay, strategy, 2, end)
    explored(f"{strategy}, {end}", play, HAND_OVER, preemptions=2)


# The turn by itself.


def taking_turns(explorer: Explorer) -> Any:
    """Two players that take it twice, and one that gives up waiting when it is told to."""
    turn, inside = Mutex(explorer.wakeup), []
    told: List[bool] = []

    def work() -> None:
        for number in range(2):
            turn.acquire()
            inside.append(number)
            explorer.pause()
            assert len(inside) == 1, "one at a time"
            inside.clear()
            turn.release()
            explorer.step(number)

    def give_up() -> None:
        try:
            turn.wait(check)
        except LookupError:
            return
        turn.release()

    def check() -> None:
        explorer.pause()
        explorer.saw(len(told))
        if told:
            raise LookupError

    def tell() -> None:
        told.append(True)
        explorer.remember("told", True)
        turn.wake_all()

    works = {"a": work, "b": work, "impatient": give_up, "who tells": tell}
    return works, lambda: turn.acquire()


def test_a_turn_passes_on_wherever_somebody_waits() -> None:
    explored("a turn", taking_turns, MUTEX, preemptions=0)


@pytest.mark.thorough
def test_a_turn_passes_on_wherever_somebody_is_stopped() -> None:
    explored("a turn", taking_turns, MUTEX, preemptions=1)
