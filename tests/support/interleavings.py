"""Every order in which several may go on, of the real classes: a small model checker.

Each player runs on a greenlet, and stops before each access to what another one writes: an
attribute of a class that is watched, a deque or a lock in it, a wakeup. From each state that was
not met before, each player who can go on does so once. A state is what is shared, with what each
player has seen of it since its last whole step: all else that it knows follows from that.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Callable, Dict, Hashable, List, Optional, Set, Tuple

from greenlet import getcurrent, greenlet

from tests.support.watched_access import Wakeup, watching

Order = Tuple[int, ...]
"""Which of the players goes on at each step."""


class Player:
    """One of those who take turns.

    :ivar seen: a digest of what it saw since its last whole step, and of what it has done.
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
    """Runs a play in all its orders.

    :param classes: whose attributes are watched.
    :param preemptions: how often, at most, one who neither waits nor pauses has to stop; ``None``:
        any number.
    :ivar runs: in how many orders it was run.
    :ivar states: how many different states were met.
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

    # What a play calls.

    def wakeup(self) -> Wakeup:
        """What a player waits on."""
        return Wakeup(self)

    def pause(self, what: str = "elsewhere") -> None:
        """Let others go on: where code that is not ours runs, which may wait."""
        player = self._current
        if player is not None:
            player.pauses = True
            self._scheduler.switch()
            player.pauses = False
        self.saw(what)

    def step(self, *outcome: Hashable) -> None:
        """The current player has made a whole step: all that it knows of the others is this."""
        player = self._current
        if player is not None:
            player.seen, player.made = hash(outcome), 0

    # What is watched calls.

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
        """The current player has read that."""
        player = self._current
        if player is not None:
            player.seen = hash((player.seen, value))

    def wait(self, condition: Callable[[], bool]) -> None:
        """Have the current player go on once the condition holds."""
        player = self._current
        if player is not None:
            player.waits_for = condition
            self._scheduler.switch()
            player.waits_for = None
            self.saw("it waits no more")

    def remember(self, key: Hashable, value: Any) -> None:
        """What is shared has this value now."""
        self._memory[key] = self.shown(value)

    def label(self) -> Hashable:
        """What a new object is known by."""
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
        """What a watched object is known by."""
        if id(instance) not in self._labels:
            self._labels[id(instance)] = (type(instance).__name__, self.label())
            self._kept.append(instance)  # so that nothing else is found by its ``id``
        return self._labels[id(instance)]

    def _stop(self) -> None:
        if self._current is not None:
            self._scheduler.switch()

    # All orders.

    def explore(
        self, play: Callable[[Explorer], Tuple[Dict[str, Any], Callable[[], None]]]
    ) -> None:
        """Run it in all orders.

        :param play: makes the players' works, by name, and what is to be checked when all is over.
        """
        with watching(self, self._classes):
            while not self._explored(play):
                """What is shared was not known before."""

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
            for player in self._players:  # what they still do is nobody's business
                player.greenlet.throw()

    def _is_played_on(self, order: List[int], preempted: int) -> bool:
        """Play on, to the end unless all that follows was met before."""
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
