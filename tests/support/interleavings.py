"""A small model checker: it runs the real classes in every order of the players' steps.

Each player runs on a greenlet. It stops before each access to shared state that another player
writes: an attribute of a watched class, a deque or a lock in it, a wakeup. From each new state,
each player that can go on does so once. A state consists of the shared values, and of the values
that each player has read since its last whole step. All else that it knows follows from these.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Callable, Dict, Hashable, List, Optional, Set, Tuple

from greenlet import getcurrent, greenlet

from tests.support.watched_access import Wakeup, watching

Order = Tuple[int, ...]
"""The number of the player that goes on, for each step."""


class Player:
    """One player.

    :ivar seen: a digest of the values that it has read since its last whole step, and of its
        actions.
    """

    def __init__(self, name: str, work: Callable[[], Any]) -> None:
        self.name = name
        self.greenlet = greenlet(self._run)
        self.seen: Hashable = 0
        self.made = 0
        self.pauses = False
        self.waits_for: Optional[Callable[[], bool]] = None
        self.failed: Optional[BaseException] = None
        self._work = work

    def can_go_on(self) -> bool:
        return not self.greenlet.dead and (self.waits_for is None or self.waits_for())

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            self.failed = error


class Explorer:
    """Runs a play in all orders.

    :param classes: the classes whose attributes are watched.
    :param preemptions: how often, at most, a player that neither waits nor pauses is stopped;
        ``None``: any number of times.
    :ivar runs: the number of orders that were run.
    :ivar states: the number of different states that were met.
    """

    def __init__(self, classes: List[type], preemptions: Optional[int] = None) -> None:
        self.runs = 0
        self.states = 0
        self._classes = classes
        self._preemptions = preemptions
        self._memory: Dict[Hashable, Hashable] = {}
        self._players: List[Player] = []
        self._scheduler: Any = None
        self._current: Optional[Player] = None
        self._labels: Dict[int, Hashable] = {}
        self._kept: List[Any] = []
        self._users: Dict[str, Set[str]] = defaultdict(set)
        self._writers: Dict[str, Set[str]] = defaultdict(set)
        self._shared: Set[str] = set()
        self._met: Set[Hashable] = set()
        self._todo: List[Tuple[Order, int]] = []

    # Called by a play.

    def wakeup(self) -> Wakeup:
        """A wakeup for a player."""
        return Wakeup(self)

    def pause(self, what: str = "elsewhere") -> None:
        """Let others go on, at a place where foreign code runs, which may wait."""
        player = self._current
        if player is not None:
            player.pauses = True
            self._scheduler.switch()
            player.pauses = False
        self.saw(what)

    def step(self, *outcome: Hashable) -> None:
        """The current player has made a whole step. All it knows of the others is the outcome."""
        player = self._current
        if player is not None:
            player.seen, player.made = hash(outcome), 0

    # Called by watched objects.

    def access(self, name: str, writes: bool) -> None:
        """The current player is about to read or write."""
        player = self._current
        if player is None:
            return
        self._users[name].add(player.name)
        if writes:
            self._writers[name].add(player.name)
        if name in self._shared:
            self._stop()
        self.saw(name)  # a write that changes nothing is a step, too

    def saw(self, value: Hashable) -> None:
        """The current player has read this value."""
        player = self._current
        if player is not None:
            player.seen = hash((player.seen, value))

    def wait(self, condition: Callable[[], bool]) -> None:
        """Stop the current player until the condition holds."""
        player = self._current
        if player is not None:
            player.waits_for = condition
            self._scheduler.switch()
            player.waits_for = None
            self.saw("it waits no more")

    def remember(self, key: Hashable, value: Any) -> None:
        """A shared object has this value now."""
        self._memory[key] = self.shown(value)

    def label(self) -> Hashable:
        """A label for a new object, the same in each run of an order."""
        player = self._current
        if player is None:
            return "before", len(self._memory)
        player.made += 1
        return player.name, player.made

    def shown(self, value: Any) -> Hashable:
        """A value as part of a state."""
        if value is None or isinstance(value, (int, str, bytes, float)):
            return value
        if isinstance(value, tuple):
            return tuple(map(self.shown, value))
        label: Hashable = getattr(value, "label", None) or self._labels.get(id(value))
        return label or type(value).__name__

    def label_of(self, instance: Any) -> Hashable:
        """The label of a watched object."""
        if id(instance) not in self._labels:
            self._labels[id(instance)] = (type(instance).__name__, self.label())
            self._kept.append(instance)  # so that no other object gets its ``id``
        return self._labels[id(instance)]

    def _stop(self) -> None:
        if self._current is not None:
            self._scheduler.switch()

    # The orders.

    def explore(
        self, play: Callable[[Explorer], Tuple[Dict[str, Any], Callable[[], None]]]
    ) -> None:
        """Run a play in all orders.

        :param play: makes the works of the players, by name, and a check for the end.
        """
        with watching(self, self._classes):
            while not self._explored(play):
                """More shared attributes were found: begin again."""

    def _explored(self, play: Any) -> bool:
        self.runs, self._met, self._todo = 0, set(), [((), 0)]
        while self._todo:
            self.runs += 1
            self._run(play, *self._todo.pop())
            shared = {name for name in self._writers if len(self._users[name]) > 1}
            if shared != self._shared:
                self._shared = shared
                return False
        self.states = len(self._met)
        return True

    def _run(self, play: Any, order: Order, preempted: int) -> None:
        self._memory, self._labels, self._kept = {}, {}, []
        self._scheduler = getcurrent()
        works, check = play(self)
        self._players = [Player(name, work) for name, work in works.items()]
        try:
            for number in order:
                self._go_on(number)
            if self._is_played_on(list(order), preempted):
                self._check_players()
                check()
        except Exception as error:
            raise AssertionError(f"in the order {order}: {error!r}") from error
        finally:
            for player in self._players:  # they unwind, unwatched
                player.greenlet.throw()

    def _is_played_on(self, order: List[int], preempted: int) -> bool:
        """Play on. ``True`` at the end, ``False`` at a state that was met before."""
        current = order[-1] if order else -1
        while True:
            able = [number for number, one in enumerate(self._players) if one.can_go_on()]
            if not able:
                return True
            state = self._state(current, preempted)
            if state in self._met:
                return False
            self._met.add(state)
            goes_on = current in able and not self._players[current].pauses
            current = current if current in able else able[0]
            if not goes_on or self._preemptions is None or preempted < self._preemptions:
                others = ((*order, other) for other in able if other != current)
                self._todo.extend((other, preempted + goes_on) for other in others)
            order.append(current)
            self._go_on(current)

    def _go_on(self, number: int) -> None:
        self._current = self._players[number]
        self._current.greenlet.switch()
        self._current = None

    def _state(self, current: int, preempted: int) -> Hashable:
        budget = None if self._preemptions is None else (current, preempted)
        seen = tuple((one.seen, one.greenlet.dead) for one in self._players)
        return hash((frozenset(self._memory.items()), seen, budget))

    def _check_players(self) -> None:
        for player in self._players:
            if player.failed is not None:
                raise player.failed
        asleep = [one.name for one in self._players if not one.greenlet.dead]
        assert not asleep, f"{asleep} sleep for ever"
