"""The gallery: each overflow strategy, live, with a source that is faster than its reader.

Each card watches a real stream, with its own worker, format and buffer. Only the reader is
simulated: it takes as many items a second as the page's slider says.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator

from flask import Blueprint, Response, abort, jsonify, request

from flask_llmstream import LLMStream

from .counters import emitted, flowable, flux
from .race import race_all
from .seats import Seats

FASTEST = 500
MOST_VIEWERS, MOST_COUNTERS = 20, 50
"""The most at a time. A viewer takes eight of the application's 1000 slots, a counter one."""


class Viewer:
    """A visitor who watches.

    :ivar speed: items a second that the readers take now.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed


def gallery(streams: LLMStream) -> Blueprint:
    """The page, a stream of snapshots, and the counter in its three forms."""
    blueprint = Blueprint("gallery", __name__, static_folder="static", static_url_path="/static")
    viewers: Dict[str, Viewer] = {}
    seats, counters = Seats(MOST_VIEWERS), Seats(MOST_COUNTERS)

    @blueprint.route("/")
    def page() -> Response:
        return blueprint.send_static_file("gallery.html")

    @blueprint.route("/<visit>/speed", methods=["POST"])
    def set_speed(visit: str) -> Response:
        """Set how many items a second the readers of one visit take."""
        asked = request.get_json(silent=True)
        speed = _speed(asked.get("items_per_second") if isinstance(asked, dict) else None)
        if visit not in viewers:
            abort(404, "nobody watches by this name")
        viewers[visit].speed = speed
        return jsonify(items_per_second=speed)

    @blueprint.route("/<visit>/races")
    @streams.view(reconnect="restart", hold=1)
    def races(visit: str) -> Any:
        rate, speed = _speed(request.args.get("rate", 40)), _speed(request.args.get("speed", 10))
        return watch(visit, rate, Viewer(speed))

    def watch(visit: str, rate: float, viewer: Viewer) -> Iterator[Any]:
        with seats.taken():
            viewers[visit] = viewer  # after a reconnection the old one may still be there
            try:
                yield from race_all(streams, rate, lambda: viewer.speed)
            finally:
                if viewers.get(visit) is viewer:
                    del viewers[visit]

    @blueprint.route("/counter/emitter")
    def count_emitted() -> Response:
        return emitted(streams, counters)

    @blueprint.route("/counter/flowable")
    def count_flowable() -> Response:
        return flowable(streams, counters)

    @blueprint.route("/counter/flux")
    def count_flux() -> Response:
        return flux(streams, counters)

    return blueprint


def _speed(value: Any) -> float:
    try:
        speed = float(value)
    except (TypeError, ValueError):
        abort(400, "a speed has to be a number of items a second")
    if not 0 <= speed <= FASTEST:
        abort(400, f"a speed has to be from 0 to {FASTEST} items a second")
    return speed
