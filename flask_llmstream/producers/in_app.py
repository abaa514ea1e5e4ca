"""A producer inside an app context, for ``streams.producer()``."""

from __future__ import annotations

from functools import partial
from typing import Any, Mapping

from ..app.current import Current
from ..app.json import json_of
from ..app.state import state_of
from ..formats import Format
from ..stream.hooks import Work
from ..stream.options import StreamOptions
from ..stream.resumable import check_stream_id, options_without_reader, resumable_format
from ..views.streams import FlaskHooks
from .plan import Plan, plan_of
from .producer import Producer


class ProducerHooks(FlaskHooks):
    """The hooks of a producer: its contexts are those of the code that it is."""

    def enter(self, work: Work) -> None:
        """Run ``work``: the contexts have been entered."""
        work()


def producer_in_app(here: Current, stream_id: str, options: Mapping[str, Any]) -> Producer:
    """Make the producer of a stream.

    :param here: the app whose context the caller is in.
    :raises ConfigurationError: the stream's ID or an option can't work.
    :raises TypeError: there is no such option.
    """
    check_stream_id(stream_id)
    state = state_of(here.app)
    merged = options_without_reader(state.options, options)
    make_format = partial(_format, here, merged, stream_id)
    make_format()  # a wrong one raises where it stands
    return Producer(partial(_plan, here, stream_id, merged, make_format))


def _plan(here: Current, stream_id: str, options: StreamOptions, make_format: Any) -> Plan:
    hooks = ProducerHooks(here)
    return plan_of(stream_id, options, make_format, hooks, state_of(here.app).replay)


def _format(here: Current, options: StreamOptions, stream_id: str) -> Format:
    format = resumable_format(options, stream_id)
    format.as_json = json_of(here.app, None)
    return format
