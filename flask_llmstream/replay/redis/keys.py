"""``Keys``: the names of the keys, as ``docs/replay-layout.md`` describes them.

The part in braces decides where a cluster keeps a key. There are 16 such parts: the keys of one
stream share one, so that one command may name several of them, and the streams are spread.
"""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

from ...errors import ConfigurationError
from .texts import to_bytes

VERSION = b"1"
"""The version of the layout, in each stream's head."""

BUCKETS = 16


class StreamKeys(NamedTuple):
    """The keys of one stream.

    :ivar head: a hash: what is known of it beside its events.
    :ivar events: a stream: the events of its last run.
    :ivar lease: who produces it. It expires soon after its producer is lost.
    :ivar stopped: is there while it must not begin, because somebody has stopped it.
    :ivar readers: is there while any process reads it from Redis.
    """

    head: bytes
    events: bytes
    lease: bytes
    stopped: bytes
    readers: bytes


class Keys:
    """Names the keys of one site.

    :param prefix: begins each of them.
    :raises ConfigurationError: the prefix is empty, or has a brace.
    """

    def __init__(self, prefix: str) -> None:
        if not isinstance(prefix, str) or not prefix or "{" in prefix or "}" in prefix:
            raise ConfigurationError(
                f"replay_prefix: has to be a text without braces, not {prefix!r}"
            )
        self._prefix = to_bytes(prefix)

    def tag(self, bucket: int) -> bytes:
        """What all keys of a bucket begin with."""
        return b"{%b:%02d}" % (self._prefix, bucket)

    def of_stream(self, stream_id: str) -> StreamKeys:
        """The keys of a stream."""
        tagged = self._of(b"stream", stream_id)
        return StreamKeys(*(b"%b:%b" % (tagged, kind.encode()) for kind in StreamKeys._fields))

    def owner(self, owner: str, bucket: int) -> bytes:
        """A sorted set: the streams of an owner that are in a bucket, by their start."""
        return b"%b:owner:%b" % (self.tag(bucket), to_bytes(owner))

    def note(self, key: str) -> bytes:
        """A note beside the streams."""
        return self._of(b"note", key)

    def inbox(self, bucket: int, process: str) -> bytes:
        """A stream: what a process is told by others."""
        return b"%b:process:%b" % (self.tag(bucket), process.encode())

    def _of(self, kind: bytes, name: str) -> bytes:
        tag = self.tag(bucket_of(name))
        return b"%b:%b:%b" % (tag, kind, to_bytes(name))


def bucket_of(name: str) -> int:
    """The bucket of a stream, an owner or a note."""
    return crc32(to_bytes(name)) % BUCKETS
