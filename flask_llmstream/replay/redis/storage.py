"""``RedisStorage``: keeps streams in Redis or Valkey, for all processes of a site."""

from __future__ import annotations

import os
import uuid
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional

from ..base import Limits, Listing, Reading, Recording, StreamHead
from ..event_log import EventLog
from .claim import begin_run, claim_run
from .copy import Copy
from .entries import position_of
from .group import Group
from .heads import head_of, number_of
from .health import Health
from .keys import BUCKETS, Keys, bucket_of
from .link import Command
from .notes import RedisNotes
from .recording import RedisRecording
from .run import Terms, inbox_of
from .servers import Servers, servers_of
from .texts import to_text

LEASE_SECONDS = 5.0
STOP_SECONDS = 60

LONGEST_ID = 256
"""A longer ID is none of ours, and is not looked for."""


class _Process(NamedTuple):
    """What belongs to one process. A forked child gets its own."""

    id: int
    name: str
    health: Health
    groups: Dict[int, Group]


class RedisStorage(RedisNotes):
    """Streams and notes in Redis 6.2 or later, or Valkey.

    What this process produces is kept in its memory, too, and is read there. So a Redis that is
    away for a while costs its readers nothing, and gets the rest afterwards.

    :param url: as of ``LLMSTREAM_REPLAY_URL``. Nothing is connected before the first stream.
    :param limits: :attr:`~flask_llmstream.replay.base.Limits.max_streams` is not used.
    :param prefix: begins the name of each key.
    :param lease: seconds after which a producer that no longer renews its lease counts as lost.
    :raises ConfigurationError: the URL or the prefix can't work, or no client library is installed.
    """

    is_shared = True

    def __init__(
        self,
        url: str,
        limits: Limits = Limits(),
        prefix: str = "llmstream",
        lease: float = LEASE_SECONDS,
    ) -> None:
        self._servers: Servers = servers_of(url)
        self._limits = limits
        self._keys = Keys(prefix)
        self._terms = Terms(limits.expires, lease)
        self.lease = lease
        self._process = self._begin()

    def _begin(self) -> _Process:
        return _Process(os.getpid(), uuid.uuid4().hex, Health(), {})

    def _group(self, name: str) -> Group:
        """The group of a stream or a note."""
        return self._group_of(bucket_of(name))

    def _group_of(self, bucket: int) -> Group:
        process = self._process
        if process.id != os.getpid():  # the streams and the connections are the parent's
            process = self._process = self._begin()
        bucket = bucket if self._servers.is_cluster else 0
        group = process.groups.get(bucket)
        if group is None:  # one that is not used has no connection
            group = process.groups.setdefault(bucket, self._made(bucket, process))
        return group

    def _made(self, bucket: int, process: _Process) -> Group:
        inbox = self._keys.inbox(bucket, process.name)
        tag = self._keys.tag(bucket)
        return Group(self._servers, tag, inbox, process.health, self._terms)

    # Recording.

    def record(
        self, stream_id: str, head: StreamHead, stop: Callable[[str], object]
    ) -> Recording:
        group = self._group(stream_id)
        run = claim_run(group, self._keys, stream_id, head, self._terms)
        events = self._new_log(run.number)
        health = self._process.health
        recording = RedisRecording(run, events, stop, group.drop, group.writer, health)
        group.record(stream_id, recording)  # before the look whether it was stopped
        try:
            stopped = begin_run(group, run)
        except BaseException:
            group.drop(stream_id)  # its lease expires
            raise
        recording.start()
        if stopped:
            recording.stop("cancelled")
        return recording

    def _new_log(self, run: int) -> EventLog:
        limits = self._limits
        return EventLog(run, max_events=limits.max_events, max_bytes=limits.max_bytes)

    # Reading.

    def read(self, stream_id: str) -> Optional[Reading]:
        if not _may_be_known(stream_id):
            return None
        group = self._group(stream_id)
        return group.read_here(stream_id) or self._read_copy(group, stream_id)

    def _read_copy(self, group: Group, stream_id: str) -> Optional[Reading]:
        keys = self._keys.of_stream(stream_id)
        hash_reply, entries, holder = group.writer.call(
            ("HGETALL", keys.head),
            ("XREVRANGE", keys.events, "+", "-", "COUNT", 1),
            ("GET", keys.lease),
        )
        known = head_of(hash_reply)
        if known is None or not entries:  # expired, evicted, or never there
            return None
        events = self._new_log(position_of(entries[0][0]).run)
        reading = group.follow(stream_id, Copy(keys, known.head, events, self._terms))
        reading.is_live = holder is not None and not known.has_ended
        return reading

    # Stopping and listing.

    def stop(self, stream_id: str) -> bool:
        if not _may_be_known(stream_id):
            return False
        group = self._group(stream_id)
        if group.stop(stream_id):
            return True
        keys = self._keys.of_stream(stream_id)
        # In this order: a producer first takes the lease, and then looks whether it was stopped.
        _, holder = group.writer.call(
            ("SET", keys.stopped, 1, "EX", STOP_SECONDS), ("GET", keys.lease)
        )
        if holder:
            group.writer.call(*group.tell(inbox_of(holder), "stop", stream_id))
        return True

    def forget(self, stream_id: str) -> None:
        if not _may_be_known(stream_id):
            return
        group, keys = self._group(stream_id), self._keys.of_stream(stream_id)
        if group.writer.call(("GET", keys.lease))[0] is None:
            group.writer.call(("DEL", keys.head, keys.events))
            group.forget(stream_id)

    def running(self, owner: str) -> List[Listing]:
        found: List[Listing] = []
        buckets = range(BUCKETS) if owner else ()
        for bucket, ids in zip(buckets, self._listed(owner)):
            found += self._alive(self._group_of(bucket), self._keys.owner(owner, bucket), ids)
        return sorted(found, key=lambda listing: listing.created)

    def _listed(self, owner: str) -> Iterable[List[bytes]]:
        """The IDs in the lists of an owner, of each bucket."""
        commands = [("ZRANGE", self._keys.owner(owner, one), 0, -1) for one in range(BUCKETS)]
        if not self._servers.is_cluster:
            return self._group_of(0).writer.call(*commands)
        calls = enumerate(commands)
        return (self._group_of(bucket).writer.call(command)[0] for bucket, command in calls)

    def _alive(self, group: Group, owner: bytes, ids: List[bytes]) -> List[Listing]:
        """Those that run. The others are forgotten: nobody has told Redis of their end."""
        alive, lost = [], []
        for name in ids:
            stream_id = to_text(name)
            keys = self._keys.of_stream(stream_id)
            holder, (created, model) = group.writer.call(
                ("GET", keys.lease), ("HMGET", keys.head, b"created", b"model")
            )
            if holder is None:
                lost.append(name)
            else:
                alive.append(Listing(stream_id, number_of(created), to_text(model or b"")))
        if lost:
            group.writer.send(("ZREM", owner, *lost))
        return alive

    # Notes.

    def _ask_about(self, note: str, *commands: Command) -> List[Any]:
        return self._group(note).writer.call(*commands)

    def _note_key(self, note: str) -> bytes:
        return self._keys.note(note)

    @property
    def _expires_ms(self) -> int:
        return self._terms.expires_ms

    def close(self) -> None:
        """Send what is left for up to 3 s, and let go of connections and workers."""
        process, self._process = self._process, self._begin()
        if process.id == os.getpid():
            for group in process.groups.values():
                group.close()


def _may_be_known(stream_id: str) -> bool:
    """Whether it is worth a question to Redis."""
    return 0 < len(stream_id) <= LONGEST_ID
