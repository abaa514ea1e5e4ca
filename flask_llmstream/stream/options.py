"""``StreamOptions``: how one stream behaves. Each option is checked where it is given.

Standard library only, no I/O. Each option has a config key, ``LLMSTREAM_`` and its name in
capitals, which ``init_app`` reads once.
"""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass
from functools import lru_cache
from typing import (
    Any,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Optional,
    Sequence,
    Type,
    Union,
    get_args,
)

from ..channel.channel import Channel
from ..channel.overflow import Overflow
from ..errors import ConfigurationError
from ..formats import BY_ACCEPT, Format, make_format
from ..keywords import FormatName, OnLeave, Reconnect, Strategy, WorkerKind
from ..records import Summary
from ..runtime.event_loop.coroutines import is_async, yields_async
from ..sse.event import ServerSentEvent

_DEADLINES = ("first_event_timeout", "idle_timeout", "total_timeout", "max_lifetime")


@dataclass(frozen=True)
class StreamOptions:
    """How one stream behaves. Times are seconds, and 0 means never.

    :param format: how items look on the wire: ``message``, ``text``, ``ndjson``, ``plain`` (just
        the words), a format of one's own, or ``accept``: nothing but the items, as an event
        stream, lines of JSON, plain text or a JSON array, by the request's ``Accept``. A reader
        that accepts only ``text/plain`` gets ``plain`` in place of the package's own formats.
        Default: ``message``.
    :param event: the event's type for deltas. Default: the format's own.
    :param heartbeat: silence after which the reader gets a comment, the first one at once.
        Default: 15. 0: no comments at all.
    :param first_event_timeout: the stream ends with ``timeout`` if its source yields no item for so
        long after the start. Default: 0.
    :param idle_timeout: the same after an item. Time that the reader takes does not count.
        Default: 0.
    :param total_timeout: the stream ends with ``timeout`` after this time. Default: 0.
    :param max_lifetime: the stream ends with ``shutdown`` after this, less up to a tenth at
        random, so that its reader comes back on a new connection: for endless feeds. Default: 0.
    :param send_timeout: a client that takes no byte for so long, while there are bytes for it, is
        cut off: the stream ends with ``disconnect``. The check runs twice in that time, so it may
        take half as long again. Default: 60.
    :param hold: how long the status waits for the first item, so that an early failure has its
        true status. Never longer than the heartbeat. Default: 0.
    :param overflow: what happens to an item without room: ``block``, ``buffer``, ``drop``,
        ``latest``, ``error`` or ``missing``. Default: ``block``, the producer waits.
    :param buffer: how many items may wait for the reader. Default: 256. 0: an item has room only
        while the reader waits for it. Without meaning for ``buffer`` and ``missing``.
    :param buffer_bytes: how many bytes may wait for the reader; one larger item may enter an
        empty buffer. Default: 262144. Without meaning for ``buffer`` and ``missing``.
    :param max_buffer_bytes: how many bytes ``buffer`` lets wait; past it the stream ends with
        ``overflow``. Default: 1048576, some 17,000 tokens of the message format: a long answer
        whole, and at most 1 GiB for a thousand stalled readers.
    :param gaps: whether the reader gets a ``gap`` event for lost items, before the next item or the
        end: how many, and the IDs of the first and the last that had one. Default: no.
    :param coalesce: ``coalesce(previous, new)`` returns the one item that stands for both, so
        that ``latest`` loses nothing; ``operator.add`` for text and deltas. Where a merged text or
        delta would outgrow ``buffer_bytes`` the stream ends with ``overflow``. Not ``async def``.
        Default: nobody merges.
    :param reconnect: the answer to an EventSource that comes back: ``refuse`` (204 after the end,
        410 after a cut: the answer is not made again), ``restart``, or ``resume``: each event has
        an ID and is kept (``LLMSTREAM_REPLAY_URL``), and the reader gets what it lacks. It needs an
        ``overflow`` that keeps each item: ``block``, ``buffer`` or ``missing``. Only event
        streams have IDs: for another format it is ``refuse``. Default: ``refuse``.
    :param on_leave: what a reader's departure means. ``cancel``: the stream ends. ``detach``: it
        goes on for ``detach_seconds``; it ends with ``disconnect`` if nobody reads it then.
        ``finish``: it goes on to its end. With ``resume``, only the departure of the last reader
        counts. Default: ``None``, which is ``detach`` where the stream is kept, else ``cancel``.
    :param detach_seconds: how long a stream goes on without a reader. Default: 60.
    :param worker: where the producer runs: ``auto``, ``greenlet`` or ``thread``.
    :param on_disconnect: called once, at once when the reader has left, with the
        :class:`~flask_llmstream.records.Summary` so far, on a worker of its own in an app context.
        Default: none.
    :param on_finish: called once, when the stream has ended, with a
        :class:`~flask_llmstream.records.Summary`, on the worker inside its contexts. The stream of
        an emitter whose response nobody reads ends with ``cancelled``; its callback has an app
        context. Default: none.
    :raises ConfigurationError: a value that can't work; the message names the option.
    """

    format: Union[FormatName, Format, Callable[[Optional[str]], Format]] = "message"
    event: Optional[str] = None
    heartbeat: float = 15
    first_event_timeout: float = 0
    idle_timeout: float = 0
    total_timeout: float = 0
    max_lifetime: float = 0
    send_timeout: float = 60
    hold: float = 0
    overflow: Union[Strategy, Type[Channel]] = "block"
    buffer: int = 256
    buffer_bytes: int = 256 * 1024
    max_buffer_bytes: int = 1024 * 1024
    gaps: bool = False
    coalesce: Optional[Callable[[Any, Any], Any]] = None
    reconnect: Reconnect = "refuse"
    on_leave: Optional[OnLeave] = None
    detach_seconds: float = 60
    worker: WorkerKind = "auto"
    on_disconnect: Optional[Callable[[Summary], Any]] = None
    on_finish: Optional[Callable[[Summary], Any]] = None

    def __post_init__(self) -> None:
        for name in ("heartbeat", "send_timeout", "hold", "detach_seconds", *_DEADLINES):
            check_number(name, getattr(self, name), least=0)
        for name, least in (("buffer", 0), ("buffer_bytes", 1), ("max_buffer_bytes", 1)):
            check_whole(name, getattr(self, name), least=least)
        check_event(self.event)
        check_format(self.format)
        check_flag("gaps", self.gaps)
        self._check_overflow()
        check_choice("reconnect", self.reconnect, get_args(Reconnect))
        if self.on_leave is not None:
            check_choice("on_leave", self.on_leave, get_args(OnLeave))
        check_choice("worker", self.worker, get_args(WorkerKind))
        for name in ("on_disconnect", "on_finish"):
            check_callable(name, getattr(self, name))

    @property
    def has_deadlines(self) -> bool:
        """Whether a timer may end the stream."""
        limits = self.first_event_timeout or self.idle_timeout or self.total_timeout
        return bool(limits or self.max_lifetime)

    def _check_overflow(self) -> None:
        strategy = Overflow.named(self.overflow)
        if self.reconnect == "resume" and strategy.encodes:
            raise ConfigurationError(
                f"overflow: {strategy.name!r} may lose items, and reconnect='resume' keeps each; "
                "say overflow='block', 'buffer' or 'missing' with it, or reconnect='refuse'"
            )
        check_callable("coalesce", self.coalesce)
        if self.coalesce is not None:
            check_plain("coalesce", self.coalesce, "two items")
        if self.coalesce is not None and not issubclass(strategy, Overflow.LATEST):
            raise ConfigurationError(
                f"coalesce: only overflow='latest' merges items, {strategy.name!r} does not; "
                "say coalesce=None with it"
            )

    def merged(self, **options: Any) -> StreamOptions:
        """These options, with some changed.

        :raises TypeError: there is no option of that name.
        """
        if not options:
            return self
        check_names(options, self.__dataclass_fields__, _OF_THE_RESPONSE)
        return dataclasses.replace(self, **options)

    def with_format(self, format: Union[FormatName, Format]) -> StreamOptions:
        """These options with another format, one that is known to be right. Nothing is checked
        anew: that takes 100 calls, for each stream of a chat endpoint."""
        changed = object.__new__(StreamOptions)
        vars(changed).update({**vars(self), "format": format})
        return changed


_OF_THE_RESPONSE = {
    name: f"set the response's own, response.{name}"
    for name in ("status", "headers", "mimetype", "content_type")
}


def check_names(options: Iterable[str], known: Collection[str], cures: Mapping[str, str]) -> None:
    """Raise TypeError for a name that is none of the known ones.

    :param cures: what to do instead, for names that belong elsewhere.
    """
    for name in options:
        if name not in known:
            cure = cures.get(name) or meant_of(known, name) or f"there are {', '.join(known)}"
            raise TypeError(f"unknown option {name!r}; {cure}")


def meant_of(known: Iterable[str], name: str, prefix: str = "") -> str:
    """The known names that this one is like, as a question; ``""`` where there is none.

    :param prefix: the common beginning of all names. It is not compared.
    """
    bare = {each[len(prefix) :].lower(): each for each in known}
    near = difflib.get_close_matches(name[len(prefix) :].lower(), bare)
    return f"did you mean {' or '.join(repr(bare[each]) for each in near)}?" if near else ""


def check_event(event: Any) -> None:
    """Raise ConfigurationError unless it can be the type of an event."""
    try:
        ServerSentEvent(event=event)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def check_format(format: Any) -> None:
    """Raise ConfigurationError unless it names, is or makes a format."""
    if isinstance(format, Format):
        _check_methods(type(format))
    elif isinstance(format, type) and issubclass(format, Format):
        _check_methods(format)
    elif callable(format):
        check_plain("format", format, "each stream")
    elif format != BY_ACCEPT:
        make_format(format, None)


@lru_cache(maxsize=64)
def _check_methods(kind: Type[Format]) -> None:
    for name in dir(Format):
        check_plain(f"format: {name}() of {kind.__name__}", getattr(kind, name), "each item")


def check_number(name: str, value: Any, *, least: float) -> None:
    """Raise ConfigurationError unless it is a finite number from ``least`` on."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not least <= value < float("inf"):
        raise ConfigurationError(f"{name}: has to be a number from {least} on, not {value!r}")


def check_whole(name: str, value: Any, *, least: int) -> None:
    """Raise ConfigurationError unless it is a whole number from ``least`` on."""
    if type(value) is not int or value < least:
        raise ConfigurationError(f"{name}: has to be a whole number from {least} on, not {value!r}")


def check_flag(name: str, value: Any) -> None:
    """Raise ConfigurationError unless it is true or false."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name}: has to be true or false, not {value!r}")


def check_text(name: str, value: Any) -> None:
    """Raise ConfigurationError unless it is a text of visible ASCII characters."""
    if not (isinstance(value, str) and value.isascii() and value.isprintable() and value):
        message = f"has to be a text of visible ASCII characters, not {value!r:.60}"
        raise ConfigurationError(f"{name}: {message}")


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise ConfigurationError unless it is one of the choices."""
    if value not in choices:
        raise ConfigurationError(f"{name}: {value!r} is none of {', '.join(choices)}")


def check_callable(name: str, value: Any) -> None:
    """Raise ConfigurationError unless it is ``None`` or can be called."""
    if value is not None and not callable(value):
        raise ConfigurationError(f"{name}: has to be callable, not {value!r}")


def check_plain(name: str, value: Any, called_for: str) -> None:
    """Raise ConfigurationError where it is asynchronous."""
    if is_async(value) or yields_async(value):
        raise ConfigurationError(
            f"{name}: can't be async def, as it is called for {called_for} wherever that is; "
            "await in the source, or in the function of create()"
        )
