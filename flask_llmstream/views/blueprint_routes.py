"""Routes of a blueprint that work wherever the blueprint is mounted."""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict

from flask import Blueprint, Flask, current_app, has_request_context, request

HOST = "llmstream_host"
"""The variable that stands for any host, in an app that matches hosts."""
_OURS = "_llmstream_route"
"""The attribute that marks the views of these routes."""


def add_route(
    blueprint: Blueprint,
    rule: str,
    endpoint: str,
    view: Callable[[], Any],
    wanted: Callable[[Flask], bool] = lambda app: True,
    **options: Any,
) -> None:
    """Add a route to a blueprint, whatever variables and defaults its mount point has.

    The view is called without arguments; the variables are in ``request.view_args``. In an app that
    matches hosts, the route is on every host, or on the ``host`` that the blueprint is registered
    with.

    :param wanted: called with each app that mounts the blueprint; whether to add the route there.
        Default: always.
    """
    route = _without_arguments(view)

    def register(setup: Any) -> None:
        if wanted(setup.app):
            setup.add_url_rule(rule, endpoint, route, **_host(setup), **options)

    blueprint.record(register)


def is_ours(view: Any) -> bool:
    """Whether a view was added by :func:`add_route`."""
    return getattr(view, _OURS, False) is True


def use_current_host(endpoint: str, values: Dict[str, Any]) -> None:
    """For a blueprint's ``url_defaults``: build its URLs with the host of the current request."""
    if has_request_context() and current_app.url_map.is_endpoint_expecting(endpoint, HOST):
        values.setdefault(HOST, request.host)


def _without_arguments(view: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def route(**_: Any) -> Any:
        return view()

    setattr(route, _OURS, True)  # functools.wraps copies it to every wrapper
    return route


def _host(setup: Any) -> Dict[str, str]:
    # In an app that matches hosts, a rule without a host is on no host.
    if not setup.app.url_map.host_matching:
        return {}
    return {"host": setup.options.get("host", f"<{HOST}>")}
