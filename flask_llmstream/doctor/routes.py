"""The server's side of ``doctor --url``: routes that exist only where ``LLMSTREAM_DOCTOR_TOKEN`` is
set.

A request without the token must not find out that they exist, whatever its method, its slashes
and the application's catch-all routes. So Werkzeug does not match them (``build_only``), and a
request that carries the token is routed a second time.
"""

from __future__ import annotations

import functools
import hmac
import os
import re
from collections import OrderedDict
from dataclasses import asdict
from typing import Any, Dict

from flask import Blueprint, Flask, Response, current_app, jsonify, request
from gevent import getcurrent
from gevent.hub import Hub
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from ..app.current import current
from ..app.state import app_state
from ..connection.disconnect import NoWatch, watch
from ..connection.servers import client_socket
from ..errors import RequestError
from ..providers import Counter
from ..records import CompletionRequest, Summary
from ..runtime.runtime import on_greenlet, runtime_for
from ..runtime.threads import allocate_lock
from ..stream.options import StreamOptions
from ..views.blueprint_routes import add_route
from ..views.responses import stream_response
from .checks import IN_THE_PROCESS, examine
from .facts import NAMELESS, Serving, facts_of

_TOKEN_KEY = "LLMSTREAM_DOCTOR_TOKEN"
TOKEN_HEADER = "LLMStream-Doctor-Token"
LONGEST_SILENCE = 600
"""Seconds. A silent stream takes a slot, as any other does."""
_REMEMBERED = 100
_ID = re.compile("[0-9a-f]{32}")
_STREAM = "llmstream_id"
"""A variable in the rule. Its name differs from every variable that a ``url_prefix`` may have."""
_RULES = {
    "doctor": "/doctor",
    "doctor_silence": "/doctor/silence",
    "doctor_stream": f"/doctor/streams/<{_STREAM}>",
}
_HIDDEN: Dict[str, Any] = {"build_only": True, "provide_automatic_options": False}


def add_doctor_routes(blueprint: Blueprint) -> None:
    """Register the routes with the blueprint, in each application that has a token."""
    endpoints = DoctorEndpoints()
    for (endpoint, rule), view in zip(
        _RULES.items(), (endpoints.inside, endpoints.silence, endpoints.fate)
    ):
        add_route(blueprint, rule, endpoint, view, _has_token, **_HIDDEN)
    blueprint.record_once(_hide)


def _has_token(app: Flask) -> bool:
    return app.config.get(_TOKEN_KEY) is not None


def _hide(setup: Any) -> None:
    """Route the requests that carry the token to the hidden routes, before anything else runs."""
    if _has_token(setup.app):
        token, ordinary = setup.app.config[_TOKEN_KEY], setup.app.preprocess_request

        @functools.wraps(ordinary)
        def preprocess_request(*context: Any) -> Any:
            if _has_right_token(str(token)):
                _route()
            return ordinary(*context)

        setup.app.preprocess_request = preprocess_request


def _has_right_token(token: str) -> bool:
    given = request.headers.get(TOKEN_HEADER, "").encode()
    return hmac.compare_digest(given, token.encode())


def _route() -> None:
    app: Any = current_app
    urls: Map = app.url_map
    rules = [_matchable(rule) for rule in urls.iter_rules() if _is_ours(rule)]
    adapter = app.create_url_adapter(request)
    adapter.map = Map(rules, converters=urls.converters, host_matching=urls.host_matching)
    try:
        request.url_rule, request.view_args = adapter.match(return_rule=True)
    except HTTPException:
        return
    request.routing_exception = None


def _is_ours(rule: Rule) -> bool:
    return rule.build_only and rule.endpoint.rpartition(".")[2] in _RULES


def _matchable(rule: Rule) -> Rule:
    matchable = rule.empty()
    matchable.build_only = False
    return matchable


class DoctorEndpoints:
    """The views of one blueprint. They know the latest silent streams of this process."""

    def __init__(self) -> None:
        self._fates: "OrderedDict[str, Dict[str, Any]]" = OrderedDict()
        self._lock = allocate_lock()

    def inside(self) -> Response:
        """``GET /doctor``: the findings of this process about itself."""
        app: Any = current_app
        facts = facts_of(app._get_current_object(), serving=_serving(request.environ))
        findings = examine(facts, IN_THE_PROCESS)
        return jsonify(
            heartbeat=facts.options.heartbeat, findings=[asdict(finding) for finding in findings]
        )

    def silence(self) -> Response:
        """``GET /doctor/silence?seconds=&id=``: two tokens, ``seconds`` apart, and no heartbeat."""
        stream_id, seconds = request.args.get("id", ""), _seconds(request.args.get("seconds", ""))
        if not _ID.fullmatch(stream_id):
            raise RequestError("has to be 32 hexadecimal digits", field="id")
        self._remember(stream_id, {"state": "open"})
        state = app_state()
        finished = functools.partial(self._finished, stream_id)
        # Without the app's options: its timers would end the silence, its callbacks would see it.
        options = StreamOptions(heartbeat=0, worker=state.options.worker, on_finish=finished)
        tokens = Counter(messages=2, interval=seconds).stream(CompletionRequest("counter"))
        return stream_response(current(), tokens, options, state.slots, "the doctor's silence")

    def fate(self) -> Response:
        """``GET /doctor/streams/<id>``: how a silent stream of this process ended, or its state."""
        arguments: Any = request.view_args
        fate = self._fates.get(arguments[_STREAM], {"state": "unknown"})
        return jsonify(process=os.getpid(), **fate)

    def _finished(self, stream_id: str, summary: Summary) -> None:
        closed = {"state": "closed", "reason": summary.reason, "seconds": summary.seconds}
        self._remember(stream_id, closed)

    def _remember(self, stream_id: str, fate: Dict[str, Any]) -> None:
        with self._lock:
            self._fates[stream_id] = fate
            while len(self._fates) > _REMEMBERED:
                self._fates.popitem(last=False)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= LONGEST_SILENCE:  # false for NaN
        raise RequestError(f"has to be a number up to {LONGEST_SILENCE}", field="seconds")
    return seconds


def _serving(environ: Dict[str, Any]) -> Serving:
    own_greenlet = isinstance(getcurrent().parent, Hub)
    unsaid = "uWSGI" if "uwsgi.version" in environ else NAMELESS
    return Serving(
        software=environ.get("SERVER_SOFTWARE", unsaid),
        greenlet=on_greenlet(),
        several=own_greenlet or bool(environ.get("wsgi.multithread")),
        watched=_is_watched(environ),
        protocol=environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
    )


def _is_watched(environ: Dict[str, Any]) -> bool:
    probe = watch(environ, client_socket(environ), _nothing, runtime_for("auto"))
    probe.stop()
    return not isinstance(probe, NoWatch)


def _nothing() -> None:
    """The watch is stopped at once; there is nobody to call."""
