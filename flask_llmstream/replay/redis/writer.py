"""``Writer``: sends to Redis whatever this process has for it. All that waits goes in one round
trip: the events of all streams, and the commands of everybody who waits for a reply.

Events stand in a line, which is long where a process gets too little time of its processors. All
leases that are due go in front of it, in one round trip.

A reply that can wait is read at the next turn: when there is more to send, or at the next scan. To
wait for it would wake the process twice for each token.
"""

from __future__ import annotations

from collections import deque
from math import inf
from time import monotonic
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Set

from ...errors import ReplayUnavailable
from ...runtime.mutex import wakeup_of_the_caller
from .call import Call
from .health import Backoff, Health
from .link import Command, Link, RedisUnreachable, is_refusal
from .steps import Sender, Step
from .worker import Worker

MOST_AT_A_TIME = 64
"""The most streams whose events go in one round trip."""


class _Sent(NamedTuple):
    """Whose commands were sent, and what is done with the replies, which are still to be read."""

    done: List[Callable[[Any], object]]
    calls: List[Call]
    senders: List[Sender]


class Writer:
    """One connection of this process, on a worker of its own.

    :param scan_seconds: how often each sender is asked whether it has something to send, and for
        its lease.
    """

    def __init__(self, link: Link, health: Health, scan_seconds: float) -> None:
        self._link = link
        self._health = health
        self._backoff = Backoff()
        self._scan_seconds = scan_seconds
        self._senders: Set[Sender] = set()
        self._line: Deque[Sender] = deque()
        self._calls: Deque[Call] = deque()
        self._sent: Optional[_Sent] = None
        self._next_scan = 0.0
        self._next_try = 0.0
        self._turn_at = inf  # when the next turn is due
        self._worker = Worker(self._turn, link.close, "llmstream-redis-writer")

    # Called by everybody.

    def call(self, *commands: Command) -> List[Any]:
        """Send commands, and wait for their replies.

        :raises ReplayUnavailable: Redis can't be reached, or refuses one of them.
        """
        replies = self.ask(*commands)
        refusal = next((one for one in replies if is_refusal(one)), None)
        if refusal is not None:
            self._health.failed(refusal)
            raise ReplayUnavailable() from refusal
        return replies

    def ask(self, *commands: Command) -> List[Any]:
        """Send commands, and wait for their replies, some of which may be refusals.

        :raises ReplayUnavailable: Redis can't be reached.
        """
        self._worker.wake()  # first: where that is a greenlet, the caller has a hub from now on
        call = Call(commands, wakeup_of_the_caller())
        self._calls.append(call)
        self._worker.wake()
        return call.result()

    def send(self, *commands: Command) -> None:
        """Send commands, and forget their replies. Does not block."""
        self._calls.append(Call(commands, None))
        self._worker.wake()

    def add(self, sender: Sender) -> None:
        """Ask this sender regularly, from now on."""
        self._senders.add(sender)
        self.attend(sender)

    def attend(self, sender: Sender) -> None:
        """Ask this sender soon. Does not block."""
        if not sender.is_waiting:
            sender.is_waiting = True
            self._line.append(sender)
            self._worker.wake()

    def close(self) -> None:
        """End the worker. What was not sent is lost."""
        self._worker.close(self._link.close)

    # On the worker.

    def _turn(self) -> Optional[float]:
        self._read_replies()  # first: what a sender has next depends on them
        now = monotonic()
        late = max(0.0, now - self._turn_at)
        is_scan = now >= self._next_scan
        if is_scan:
            self._scan(now)
        calls = self._all_calls() if self._calls else []
        leases: Dict[Sender, List[Step]] = {}
        senders: List[Sender] = []
        if calls or now >= self._next_try:  # a caller does not wait for the next try
            if is_scan:
                leases = self._leases(now, now + late)  # the next turn may be as late as this one
            senders = self._next_senders()
        if calls or leases or senders:
            self._send_steps(calls, leases, senders, now)
        seconds = self._next_turn()
        self._turn_at = inf if seconds is None else now + seconds
        return seconds

    def _scan(self, now: float) -> None:
        self._next_scan = now + self._scan_seconds
        for sender in list(self._senders):
            if not sender.is_waiting and sender.is_due(now):
                sender.is_waiting = True
                self._line.append(sender)

    def _leases(self, now: float, until: float) -> Dict[Sender, List[Step]]:
        """What keeps the leases that are due until then, by whose they are."""
        steps = {sender: sender.lease_steps(now, until) for sender in list(self._senders)}
        return {sender: lease for sender, lease in steps.items() if lease}

    def _next_senders(self) -> List[Sender]:
        taken = [self._line.popleft() for _ in range(min(len(self._line), MOST_AT_A_TIME))]
        return list(dict.fromkeys(taken))  # two threads may have put one in line at the same time

    def _all_calls(self) -> List[Call]:
        calls = [self._calls.popleft() for _ in range(len(self._calls))]
        return [call for call in calls if not call.is_given_up]

    def _send_steps(
        self,
        calls: List[Call],
        leases: Dict[Sender, List[Step]],
        senders: List[Sender],
        now: float,
    ) -> None:
        steps = [step for lease in leases.values() for step in lease]
        steps += [step for call in calls for step in call.steps()]
        for sender in senders:
            sender.is_waiting = False  # before it looks what there is
            steps += sender.steps(now)
        senders = list(dict.fromkeys([*leases, *senders]))
        if not steps:
            self._ask_again(senders, now)
            return
        if calls:
            self._link.check()
        self._sent = sent = _Sent([step.done for step in steps], calls, senders)
        try:
            self._link.send([step.command for step in steps])
        except RedisUnreachable as error:
            self._failed(sent, error)
            return
        if not all([step.can_wait for step in steps]):
            self._read_replies()

    def _read_replies(self) -> None:
        """Read the replies to what was sent, if they are still to be read."""
        sent = self._sent
        if sent is None:
            return
        try:
            replies = self._link.receive()
        except RedisUnreachable as error:
            self._failed(sent, error)
            return
        self._sent = None
        self._backoff.reset()
        self._health.works()
        for done, reply in zip(sent.done, replies):
            done(reply)
        for call in sent.calls:
            call.end(None)
        self._ask_again(sent.senders, monotonic())

    def _failed(self, sent: _Sent, error: RedisUnreachable) -> None:
        self._sent = None
        calls, senders = sent.calls, sent.senders
        now = monotonic()
        self._next_try = now + self._backoff.wait()
        if calls or self._backoff.tries > 1:  # a connection that breaks once is nothing yet
            self._health.failed(error)
        for call in calls:
            call.end(error)
        for sender in senders:
            sender.failed(now)
        self._ask_again(senders, now)

    def _ask_again(self, senders: List[Sender], now: float) -> None:
        for sender in senders:
            if sender.is_done:
                self._senders.discard(sender)
            elif not sender.is_waiting and sender.is_due(now):
                sender.is_waiting = True
                self._line.append(sender)

    def _next_turn(self) -> Optional[float]:
        if self._calls:
            return 0.0
        now = monotonic()
        if self._line:
            return max(0.0, self._next_try - now)
        return max(0.0, self._next_scan - now) if self._senders else None
