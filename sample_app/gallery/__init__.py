"""What each overflow strategy does with a source that is faster than its reader, live.

The stream that a card watches is a real one, with its own worker, format and buffer. Only its
reader is played: it takes as many items a second as the page's slider says.
"""

from __future__ import annotations

from typing import Any, Dict

from flask import Blueprint, Response, abort, jsonify, request

from flask_llmstream import LLMStream

from .counters import emitted, flowable, flux
from .race import race_all

FASTEST = 500


def gallery(streams: LLMStream) -> Blueprint:
    """The page, a stream of snapshots, and the counter in its three forms."""
    blueprint = Blueprint("gallery", __name__, static_folder="static", static_url_path="/static")
    speeds: Dict[str, float] = {}

    @blueprint.route("/")
    def page() -> Response:
        return blueprint.send_static_file("gallery.html")

    @blueprint.route("/<visit>/speed", methods=["POST"])
    def set_speed(visit: str) -> Response:
        """How many items a second the readers of one visit take from here on."""
        speeds[visit] = _speed(request.get_json().get("items_per_second"))
        return jsonify(items_per_second=speeds[visit])

    @blueprint.route("/<visit>/races")
    @streams.view(reconnect="restart")
    def races(visit: str) -> Any:
        rate = _speed(request.args.get("rate", 40))
        return race_all(streams, rate, lambda: speeds.get(visit, 10))

    @blueprint.route("/counter/emitter")
    def count_emitted() -> Response:
        return emitted(streams)

    @blueprint.route("/counter/flowable")
    def count_flowable() -> Response:
        return flowable(streams)

    @blueprint.route("/counter/flux")
    def count_flux() -> Response:
        return flux(streams)

    return blueprint


def _speed(value: Any) -> float:
    try:
        speed = float(value)
    except (TypeError, ValueError):
        abort(400, "a speed has to be a number of items a second")
    if not 0 <= speed <= FASTEST:
        abort(400, f"a speed has to be from 0 to {FASTEST} items a second")
    return speed
