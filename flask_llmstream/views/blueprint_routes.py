"""A route of a blueprint, wherever that is mounted.

Roof: Flask.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict

from flask import Blueprint, Flask, current_app, has_request_context, request

HOST = "llmstream_host"
"""The variable that stands for every host, in an app that matches hosts."""
_OURS = "_llmstream_route"


def add_route(
    blueprint: Blueprint,
    rule: str,
    endpoint: str,
    view: Callable[[], Any],
    wanted: Callable[[Flask], bool] = lambda app: True,
    **options: Any,
) -> None:
    """Have a blueprint answer at a rule, whatever variables and defaults its mount point brings.

    Those are in ``request.view_args``; the view is called without. In an app that matches hosts
    it answers on each of them, or on the ``host`` that the blueprint is registered with.

    :param wanted: whether an app that mounts the blueprint is to have it.
    """
    route = _without_arguments(view)

    def register(setup: Any) -> None:
        if wanted(setup.app):
            setup.add_url_rule(rule, endpoint, route, **_host(setup), **options)

    blueprint.record(register)


def is_ours(view: Any) -> bool:
    """Whether a view was given to :func:`add_route`."""
    return getattr(view, _OURS, False) is True


def use_current_host(endpoint: str, values: Dict[str, Any]) -> None:
    """For a blueprint's ``url_defaults``: its addresses are on the host that was asked."""
    if has_request_context() and current_app.url_map.is_endpoint_expecting(endpoint, HOST):
        values.setdefault(HOST, request.host)


def _without_arguments(view: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def route(**_: Any) -> Any:
        return view()

    setattr(route, _OURS, True)  # which functools.wraps takes along to whatever wraps it
    return route


def _host(setup: Any) -> Dict[str, str]:
    # A rule without a host answers on none there.
    if not setup.app.url_map.host_matching:
        return {}
    return {"host": setup.options.get("host", f"<{HOST}>")}
