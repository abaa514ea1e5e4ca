"""``Copying``: brings the events of one recording to Redis, in order and each of them once.

What Redis has of a run is known from its replies. After any failure it is not: then the next step
is a look at the lease and at the last entry. So it makes no difference whether a connection broke,
Redis was restarted, lost what it had, or another server has taken its place. Whatever it lacks is
sent again from the event log of this process.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, List, Optional

from ..event_log import EventLog
from .entries import END, Position, fields_of, fields_of_end, position_of
from .health import Backoff, Health
from .link import Command, is_refusal
from .run import Run
from .steps import Step

PAGE_BYTES = 64 * 1024
"""The most bytes of events in one entry; a larger event is alone in its entry."""

RENEWALS = 4
"""How often a lease is renewed within its time."""


class Copying:
    """The writer's side of one recording. All methods are called on the writer's worker.

    :param ended: called when nothing is left to do, with the stream's ID.
    :param stop: called where the producer must end: ``cancelled`` or ``replaced``.
    :param health: is told when Redis refuses.
    """

    def __init__(
        self,
        run: Run,
        log: EventLog,
        health: Health,
        stop: Callable[[str], object],
        ended: Callable[[str], object],
        now: float,
    ) -> None:
        self.is_waiting = False
        self.is_done = False
        self._run = run
        self._log = log
        self._health = health
        self._stop = stop
        self._ended = ended
        self._backoff = Backoff()
        self._sent = 0  # the number of the last event that Redis has
        self._trimmed = 1
        self._is_known = True  # whether that is true
        self._has_lease = True
        self._must_begin = False  # Redis has lost the run's beginning
        self._is_kept = False  # whether Redis has the end
        self._lacks_head = False
        self._renew_seconds = run.terms.lease / RENEWALS
        self._renew_at = self._keep_at = now + self._renew_seconds
        self._try_at = now
        self._give_up_at: Optional[float] = None

    @property
    def is_whole(self) -> bool:
        """Whether Redis has all that there is, as far as it will ever have it."""
        has_all = self._is_known and self._sent >= self._log.last
        return self.is_done or (has_all and self._log.end is None)

    def is_due(self, now: float) -> bool:
        """Whether there is something to send."""
        if self.is_done:
            return False
        if not self._is_known:
            return now >= self._try_at
        has_news = self._log.last > self._sent or self._log.end is not None or self._must_begin
        return has_news or now >= self._keep_at

    def lease_steps(self, now: float, until: float) -> List[Step]:
        """What keeps the lease, where that is due until then: it goes before everything else."""
        if self.is_done or self._is_kept or now < self._try_at:
            return []
        if now - self._renew_at > self._run.terms.lease - self._renew_seconds:
            self._is_known = False  # the lease has expired
        if not self._is_known:
            return self._look(now)
        return self._renew(now) if until >= self._renew_at else []

    def steps(self, now: float) -> List[Step]:
        """What to send now."""
        if self.is_done or now < self._try_at:
            return []
        if self._log.end is not None and self._give_up_at is None:
            self._give_up_at = now + self._run.terms.expires
        if not self._is_known:
            return self._look(now)
        if self._is_kept:
            return self._tidy()
        appended = [*self._begin(now), *self._append(now)]
        soon = now + self._renew_seconds / 4 if appended else now  # a round trip is made anyway
        renewal = self._renew(now) if soon >= self._renew_at else []
        return [*renewal, *(self._keep(now) if soon >= self._keep_at else ()), *appended]

    def failed(self, now: float) -> None:
        """The connection broke. It is not known what arrived."""
        self._is_known = False
        self._try_at = now
        if self._give_up_at is not None and now > self._give_up_at:  # it would have expired
            self._finish()

    # Appending.

    def _append(self, now: float) -> List[Step]:
        end = self._log.end  # before the events: none comes behind it
        first, events = self._log.events(self._sent, PAGE_BYTES)
        last = first + len(events) - 1
        is_end = end is not None and last >= end.number
        if not events and not is_end:
            return []
        position = Position(self._log.run, END if is_end else last)
        fields = fields_of(first, events) + (fields_of_end(end) if is_end and end else [])
        command = (b"XADD", self._run.keys.events, b"NOMKSTREAM", position.id, *fields)
        appended = partial(self._appended, now, last, is_end)
        return [Step(command, appended, can_wait=not is_end), *self._trim()]

    def _appended(self, now: float, last: int, is_end: bool, reply: Any) -> None:
        if is_refusal(reply):
            self._refused(now, reply)
        elif reply is None:  # Redis has evicted or lost the events
            self._is_known = False
        else:
            self._backoff.reset()
            self._sent = last
            self._is_kept = is_end

    def _trim(self) -> List[Step]:
        first = self._log.first
        if first <= self._trimmed:
            return []
        self._trimmed = first
        least = Position(self._log.run, first).id
        return [Step(("XTRIM", self._run.keys.events, "MINID", "~", least), bool, can_wait=True)]

    def _refused(self, now: float, error: Any) -> None:
        self._is_known = False
        if "equal or smaller" in str(error):  # it is there already, or a later run is
            return
        self._health.failed(error)
        self.failed(now)
        self._try_at = now + self._backoff.wait()

    # The lease.

    def _renew(self, now: float) -> List[Step]:
        self._renew_at = now + self._renew_seconds
        return [Step(self._run.renew(), self._renewed)]

    def _renewed(self, holder: Any) -> None:
        if holder is None or is_refusal(holder):
            # Not taken again before a look: it is another's, where a later run has begun.
            self._is_known = False
        elif holder != self._run.token:
            self._replaced()

    # What else is done as often as a renewal. It has time.

    def _keep(self, now: float) -> List[Step]:
        run = self._run
        self._keep_at = now + self._renew_seconds
        steps = [Step(("GET", run.keys.stopped), self._marked)]
        if self._lacks_head:
            self._lacks_head = False
            steps += [Step(command, bool) for command in (run.keep_head(), *run.list())]
        return [*steps, *(Step(command, self._kept) for command in run.keep())]

    def _marked(self, stopped: Any) -> None:
        """Somebody may have stopped it by the mark alone, where the message was lost."""
        if stopped and not is_refusal(stopped):
            self._stop("cancelled")

    def _kept(self, is_there: Any) -> None:
        if is_there == 0:
            self._lacks_head = True

    # Looking, where it is not known what Redis has.

    def _look(self, now: float) -> List[Step]:
        keys, token = self._run.keys, self._run.token
        self._try_at = self._renew_at = now + self._renew_seconds  # not twice in one round trip
        commands: List[Command] = [self._run.renew(), ("GET", keys.stopped)]
        if not self._has_lease:
            lease_ms = self._run.terms.lease_ms
            commands.insert(0, ("SET", keys.lease, token, "NX", "PX", lease_ms))
        replies: List[Any] = []
        last = ("XREVRANGE", keys.events, "+", "-", "COUNT", 1)
        return [
            *(Step(command, replies.append) for command in commands),
            Step(last, partial(self._looked, now, replies)),
        ]

    def _looked(self, now: float, replies: List[Any], entries: Any) -> None:
        refusal = next((one for one in (*replies, entries) if is_refusal(one)), None)
        if refusal is not None:
            self._refused(now, refusal)
            return
        self._try_at = now
        self._backoff.reset()
        holder, stopped = replies[-2:]
        self._marked(stopped)
        self._judge(position_of(entries[0][0]) if entries else Position(0, 0), holder)

    def _judge(self, position: Position, holder: Optional[bytes]) -> None:
        """Go on behind what Redis has.

        :param position: of the last entry; run 0: there is none.
        :param holder: of the lease; ``None``: nobody, as it has expired.
        """
        mine = self._run.number
        if position.run > mine:
            self._replaced()
        elif position == (mine, END):
            self._is_known = self._is_kept = True
        elif holder is None:
            self._has_lease = False  # the next look asks for it
        elif holder != self._run.token:
            self._replaced()
        else:
            self._lacks_head = self._lacks_head or not self._has_lease  # it looked lost meanwhile
            self._is_known = self._has_lease = True
            self._must_begin = position.run < mine
            self._sent = 0 if self._must_begin else position.number

    def _begin(self, now: float) -> List[Step]:
        if not self._must_begin:
            return []
        self._must_begin = False
        begun, *others = self._run.begin()
        return [Step(begun, partial(self._begun, now)), *(Step(one, bool) for one in others)]

    def _begun(self, now: float, reply: Any) -> None:
        if is_refusal(reply):
            self._refused(now, reply)

    # The end.

    def _tidy(self) -> List[Step]:
        *commands, last = self._run.end()
        return [*(Step(one, bool) for one in commands), Step(last, lambda _: self._finish())]

    def _replaced(self) -> None:
        self._log.finish(self._run.head.lost, "lost")
        self._finish()
        self._stop("replaced")

    def _finish(self) -> None:
        self.is_done = True
        self._ended(self._run.stream_id)
