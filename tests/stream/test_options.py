"""``StreamOptions``: an option that can't work is told when it is said, by its name."""

from __future__ import annotations

import dataclasses
import operator
import re
from typing import Any, get_args, get_type_hints

import pytest

from flask_llmstream.channel.overflow import STRATEGIES, Overflow
from flask_llmstream.errors import ConfigurationError
from flask_llmstream.formats import BY_ACCEPT, FORMATS, EventStreamFormat
from flask_llmstream.formats.text import TextFormat
from flask_llmstream.keywords import FormatName, ProducerOptions, ResponseOptions, Strategy
from flask_llmstream.sse.event import ServerSentEvent
from flask_llmstream.stream.options import StreamOptions
from flask_llmstream.stream.resumable import NEEDS_A_READER

DEFAULTS = {
    "format": "message",
    "event": None,
    "heartbeat": 15,
    "first_event_timeout": 0,
    "idle_timeout": 0,
    "total_timeout": 0,
    "max_lifetime": 0,
    "send_timeout": 60,
    "hold": 0,
    "overflow": "block",
    "buffer": 256,
    "buffer_bytes": 262_144,
    "max_buffer_bytes": 1_048_576,
    "gaps": False,
    "coalesce": None,
    "reconnect": "refuse",
    "on_leave": None,
    "detach_seconds": 60,
    "worker": "auto",
    "on_disconnect": None,
    "on_finish": None,
}
DEADLINES = ["first_event_timeout", "idle_timeout", "total_timeout", "max_lifetime"]
TIMES = ["heartbeat", "send_timeout", "hold", *DEADLINES]
CALLBACKS = ["on_disconnect", "on_finish"]
COUNTS = ["buffer", "buffer_bytes", "max_buffer_bytes"]


def test_the_defaults() -> None:
    assert dataclasses.asdict(StreamOptions()) == DEFAULTS


def test_each_option_is_explained() -> None:
    assert all(f":param {name}:" in str(StreamOptions.__doc__) for name in DEFAULTS)


def test_each_option_is_known_to_type_checkers_by_its_name_and_type() -> None:
    assert get_type_hints(ResponseOptions) == get_type_hints(StreamOptions)


def test_each_option_has_a_meaning_for_a_producer_or_needs_a_reader():
    options = get_type_hints(ProducerOptions).keys()
    assert options | set(NEEDS_A_READER) == get_type_hints(ResponseOptions).keys()
    assert not options & set(NEEDS_A_READER)


def test_each_name_that_an_option_takes_is_known_to_type_checkers() -> None:
    assert get_args(FormatName) == (*FORMATS, BY_ACCEPT)
    assert get_args(Strategy) == tuple(STRATEGIES)


class Shouting(EventStreamFormat):
    """A format of one's own."""

    def item(self, item: Any) -> bytes:
        return ServerSentEvent(item.upper()).encode()

    def ending(self, *_: Any) -> bytes:
        return b""

    failure = ending


@pytest.mark.parametrize(
    "option, value",
    [
        *[(time, seconds) for time in TIMES for seconds in (0, 0.25, 86_400)],
        *[(count, many) for count in COUNTS for many in (1, 10**9)],
        *[("format", format) for format in (*FORMATS, Shouting, Shouting(), TextFormat)],
        *[("event", event) for event in (None, "token", "")],
        ("buffer", 0),
        *[("gaps", gaps) for gaps in (True, False)],
        *[("overflow", overflow) for overflow in (*STRATEGIES, Overflow.BLOCK, Overflow.LATEST)],
        *[("reconnect", reconnect) for reconnect in ("refuse", "restart")],
        *[("worker", worker) for worker in ("auto", "greenlet", "thread")],
        *[(name, call) for name in CALLBACKS for call in (None, print)],
    ],
    ids=str,
)
def test_what_works_is_taken(option: str, value: Any) -> None:
    assert getattr(StreamOptions(**{option: value}), option) == value


@pytest.mark.parametrize(
    "option, value",
    [
        *[(time, wrong) for time in TIMES for wrong in (-1, float("nan"), float("inf"), "15")],
        *[(time, wrong) for time in TIMES for wrong in (None, True)],
        *[(count, wrong) for count in COUNTS for wrong in (-1, 1.5, "1", None, True)],
        *[(count, 0) for count in COUNTS if count != "buffer"],
        *[("gaps", wrong) for wrong in ("yes", 1, None)],
        *[("coalesce", wrong) for wrong in ("add", 7, True)],
        *[("format", wrong) for wrong in ("mesage", "", None, 7, ["message"])],
        *[("event", wrong) for wrong in ("a\nb", "a\rdata: forged", 7, b"token")],
        *[("overflow", wrong) for wrong in ("bloc", "", None, 7, ["block"])],
        *[("reconnect", wrong) for wrong in ("resume it", "", None, True, ["refuse"])],
        *[("worker", wrong) for wrong in ("process", "", None, 7)],
        *[(name, wrong) for name in CALLBACKS for wrong in ("print", 7, False)],
    ],
    ids=str,
)
def test_what_can_t_work_is_refused_by_its_name(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^{option}: "):
        StreamOptions(**{option: value})


def test_the_latest_item_may_be_merged() -> None:
    options = StreamOptions(overflow="latest", coalesce=operator.add)
    assert options.coalesce is operator.add


@pytest.mark.parametrize("overflow", [name for name in STRATEGIES if name != "latest"])
def test_only_the_latest_item_is_merged(overflow: str) -> None:
    merging = StreamOptions(overflow="latest", coalesce=operator.add)
    with pytest.raises(ConfigurationError, match=f"^coalesce: .*'{overflow}' does not"):
        merging.merged(overflow=overflow)
    assert merging.merged(overflow=overflow, coalesce=None).overflow == overflow


def test_some_options_are_said_anew() -> None:
    options = StreamOptions(heartbeat=5, format="text").merged(heartbeat=7, buffer=1)
    assert options == StreamOptions(heartbeat=7, format="text", buffer=1)


def test_nothing_said_anew_changes_nothing() -> None:
    options = StreamOptions(heartbeat=5)
    assert options.merged() == options


def test_what_is_said_anew_is_checked() -> None:
    with pytest.raises(ConfigurationError, match="^heartbeat: .* not -1$"):
        StreamOptions().merged(heartbeat=-1)


def test_a_misspelt_option_is_told_which_one_was_meant() -> None:
    with pytest.raises(TypeError, match="^unknown option 'hartbeat'; did you mean 'heartbeat'?"):
        StreamOptions().merged(hartbeat=7)


def test_an_option_that_is_like_several_is_told_all_of_them() -> None:
    with pytest.raises(TypeError) as refused:
        StreamOptions().merged(timeout=7)
    meant = set(re.findall("'([a-z_]+)'", str(refused.value).partition("; ")[2]))
    assert meant == {"idle_timeout", "send_timeout", "total_timeout"}


def test_an_option_like_no_other_is_told_which_there_are() -> None:
    with pytest.raises(TypeError, match="^unknown option 'x'; there are format, event, heartb"):
        StreamOptions().merged(x=7)


def test_options_stay_as_they_were_checked() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        StreamOptions().heartbeat = -1  # type: ignore[misc]


def test_another_format_leaves_all_else_as_it_is() -> None:
    options = StreamOptions(hold=3, event="delta", overflow="drop")
    assert options.with_format("text") == options.merged(format="text")
    assert options.format == "message"
