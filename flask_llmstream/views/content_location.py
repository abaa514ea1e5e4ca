"""``Content-Location``: where a stream is kept, said by the response that begins it.

Source: RFC 9110, section 8.7, "Content-Location".
"""

from __future__ import annotations

from os.path import commonprefix
from typing import Any, Iterator, List, NamedTuple, Optional
from urllib.parse import quote

from flask import Flask
from werkzeug.routing import Rule

from ..app.current import Current
from ..app.state import EXTENSION, state_of
from .blueprint_routes import HOST, is_ours
from .route_clashes import VARIABLE

CONTENT_LOCATION = "Content-Location"
"""The header with the address of a stream that can be resumed, relative to the request's."""

ONE = "chat_stream"
"""The endpoint of one stream, in each chat blueprint. Its rule ends with the ID."""


class Way(NamedTuple):
    """The way from the addresses of one rule to those of the streams.

    :ivar reference: relative; the ID follows.
    :ivar slashes: of the paths for which it holds: a variable may have taken more, and none knows
        then how the client wrote them. ``None``: it holds for each.
    """

    reference: str
    slashes: Optional[int]


def content_location(here: Current, stream_id: str) -> Optional[str]:
    """Where a stream is kept, relative to the address of the current request: so it holds behind a
    proxy that adds or removes a prefix.

    That is at the chat blueprint which the request came to. For the app's own views it is at the
    chat endpoints of the app.

    :returns: ``None`` where there is none, on this host at least, and where the request itself
        came to an address of the stream.
    """
    request: Any = here.request
    if request is None or request.url_rule is None:
        return None
    path = request.environ.get("PATH_INFO", "")
    if path.endswith(f"/{stream_id}"):
        return None
    way = _way(here.app, request.url_rule, path.endswith("/") or not path)
    if way is None or way.slashes not in (None, path.count("/") or 1):
        return None
    below = "" if path else _last_segment(request.environ.get("SCRIPT_NAME", ""))
    return below + way.reference + stream_id


def _last_segment(mount: str) -> str:
    # The client asked for the mount itself: http://example.org/app
    last = mount.rpartition("/")[2]
    return quote(last.encode("latin-1"), safe="") + "/" if last else ""


def _way(app: Flask, rule: Rule, has_slash: bool) -> Optional[Way]:
    """The way of one rule, which is found once.

    :param has_slash: whether the path ends with a slash, as it may or may not for one rule.
    """
    known = state_of(app).ways_to_streams
    key = rule.endpoint, rule.rule, rule.subdomain, rule.host, has_slash
    if key not in known:
        known[key] = _found_way(app, rule, has_slash)
    found: Optional[Way] = known[key]
    return found


def _found_way(app: Flask, rule: Rule, has_slash: bool) -> Optional[Way]:
    asked = _segments(rule)
    if has_slash and asked[-1] and "<" not in asked[-1]:
        asked.append("")
    elif asked[-1] == "" and not has_slash:
        asked.pop()
    for blueprint in (*_blueprints(rule.endpoint), EXTENSION):
        ways = [_between(asked, _segments(kept)) for kept in _rules_beside(app, rule, blueprint)]
        found = [way for way in ways if way is not None]
        if found:
            return min(found, key=lambda way: len(way.reference))
    return None


def _blueprints(endpoint: str) -> Iterator[str]:
    """The blueprint of an endpoint, and those that it is nested in."""
    while "." in endpoint:
        endpoint = endpoint.rpartition(".")[0]
        yield endpoint


def _rules_beside(app: Flask, asked: Rule, blueprint: str) -> Iterator[Rule]:
    """The rules of a blueprint's streams, on the host of another rule."""
    endpoint = f"{blueprint}.{ONE}"
    if not is_ours(app.view_functions.get(endpoint)):
        return
    for kept in app.url_map.iter_rules(endpoint):
        if app.url_map.host_matching:
            is_beside = kept.host in (asked.host, f"<{HOST}>")
        else:
            is_beside = kept.subdomain == asked.subdomain
        if is_beside and not kept.build_only:
            yield kept


def _segments(rule: Rule) -> List[str]:
    return VARIABLE.sub(lambda found: found[0].replace("/", "|"), rule.rule).split("/")


def _between(asked: List[str], kept: List[str]) -> Optional[Way]:
    """The way from one rule to another; ``None`` where a variable would have to be known for it.

    :param asked: the segments of the request's rule. Those that both rules have in common are the
        same in each address, also where they are variables.
    :param kept: those of the rule of the streams.
    """
    common = len(commonprefix([asked[:-1], kept[:-1]]))
    up, down = asked[common:], kept[common:-1]
    if any("<" in segment for segment in down):
        return None
    reference = "../" * (len(up) - 1) + "".join(quote(each, safe="") + "/" for each in down)
    has_variable = any("<" in segment for segment in up)
    return Way(reference, len(asked) - 1 if has_variable else None)
