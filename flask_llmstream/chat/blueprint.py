"""``ChatBlueprint``: the chat endpoints, as a blueprint that an app can mount many times."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Callable, Dict, Mapping, Optional, Sequence

from flask import Blueprint, Response, request, send_from_directory

from ..protocols import PROTOCOLS, Protocol
from ..protocols.checked import BESIDE, OTHER_ENDPOINTS
from ..providers import Provider
from ..views.blueprint_routes import add_route, use_current_host
from ..views.content_location import ONE
from .completions import Completions
from .cross_site import answer_to_preflight, refuse_cross_site
from .models import NAME, AnyName, Models
from .openapi.page import FILE, Page
from .openapi.views import RULE as OPENAPI
from .openapi.views import APIDescription
from .own_settings import OwnSettings
from .responses import RESPONSE, KeptResponses
from .streams import LIST, RULES, TICKETS, StreamViews
from .ui_streams import CHAT, UIStreams

COMPLETIONS = "completions"
"""The endpoint that each chat blueprint has, below its own name."""
_STATIC = os.path.join(os.path.dirname(os.path.dirname(__file__)), "static")


class ChatBlueprint(Blueprint):
    """A blueprint with the chat endpoints.

    :param providers: the models by name; the first is the default.
    :param changes: the settings and stream options that differ from the app's.
    :param protocols: the protocols that it speaks beside its own.
    :ivar own: these settings.
    :raises ConfigurationError: a provider, a protocol, a setting or an option can't work; the
        message names it.
    """

    #: For APIFlask, which asks each blueprint with ``before_request`` functions whether its own
    #: description has it. Without an answer that fails for the whole application.
    enable_openapi = False

    def __init__(
        self,
        name: str,
        providers: Mapping[str, Provider],
        changes: Mapping[str, Any],
        protocols: Sequence[Protocol] = (),
    ) -> None:
        super().__init__(name, __name__)
        models = Models(providers)
        self.own = OwnSettings(changes)
        completions = Completions(providers, self.own)
        self.before_request(self._admit)
        self.record(_add_converter)
        self._protocols = {each.name: each for each in (*PROTOCOLS, *protocols)}
        for each in self._protocols.values():
            self._add(each.rule, each.name, partial(completions.answer, each), each.method)
        self._add("/models", "models", models.all, "GET")
        self._add(f"/models/<{NAME}:{NAME}>", "model", models.one, "GET", merge_slashes=False)
        self._keep_streams()
        self._add_ways_back()
        self._add("/llmstream.js", "client", browser_client, "GET")
        self._describe(providers)
        self.after_request(_forbid_caching)
        self.url_defaults(use_current_host)

    def answers(self, endpoint: str) -> bool:
        """Whether one of the chat endpoints has this name. Others may have been added."""
        return _own_name(endpoint) in (*self._protocols, *OTHER_ENDPOINTS, *BESIDE)

    def protocol(self, endpoint: Optional[str]) -> Optional[Protocol]:
        """The protocol of an endpoint; ``None`` where it has none of its own."""
        name = _own_name(endpoint)
        return self._protocols.get(BESIDE.get(name, name))

    def _add_ways_back(self) -> None:
        chats, responses = UIStreams(self.own), KeptResponses(self.own)
        rule = f"/chat/ui/<{NAME}:{CHAT}>/stream"
        self._add(rule, "ui_stream", chats.one, "GET", "DELETE", merge_slashes=False)
        rule = f"/responses/<{RESPONSE}>"
        self._add(rule, "response", responses.one, "GET", "DELETE")
        self._add(f"{rule}/cancel", "response_cancel", responses.cancel, "POST")

    def _describe(self, providers: Mapping[str, Provider]) -> None:
        described = APIDescription(providers, tuple(self._protocols.values()), self.own)
        wanted = described.is_wanted
        self._add(OPENAPI, "openapi", described.document, "GET", wanted=wanted)
        page = Page(self.own)
        self._add("/docs", "docs", page.show, "GET", wanted=page.is_wanted)
        self._add(f"/docs/<{FILE}>", "docs_file", page.file, "GET", wanted=page.is_wanted)

    def _keep_streams(self) -> None:
        kept = StreamViews(self.own)
        self._add(RULES[LIST], LIST, kept.all, "GET")
        self._add(RULES[ONE], ONE, kept.one, "GET", "DELETE")
        self._add(RULES[TICKETS], TICKETS, kept.ticket, "POST")

    def _add(
        self, rule: str, endpoint: str, view: Callable[[], Response], *methods: str, **options: Any
    ) -> None:
        add_route(self, rule, endpoint, view, **_only(methods), **options)

    def _admit(self) -> Optional[Response]:
        """Refuse pages of other sites, and answer preflights, before the blueprint's guards run.

        The application's own ``before_request`` functions run before, as its ``after_request``
        functions rely on them.
        """
        is_kept = _own_name(request.endpoint) in RULES
        if is_kept or self.protocol(request.endpoint) is not None:
            refuse_cross_site(self.own.in_force().allowed_origins)
        return answer_to_preflight()


def _add_converter(setup: Any) -> None:
    setup.app.url_map.converters.setdefault(NAME, AnyName)


def _own_name(endpoint: Optional[str]) -> str:
    """An endpoint's name without its blueprints'."""
    return (endpoint or "").rpartition(".")[2]


def _only(methods: Sequence[str]) -> Dict[str, Any]:
    # Preflights need OPTIONS, also where an app turns Flask's automatic OPTIONS off.
    return {"methods": [*methods, "OPTIONS"], "provide_automatic_options": True}


def browser_client() -> Response:
    """``GET /llmstream.js``: the client for browsers."""
    return send_from_directory(_STATIC, "llmstream.js", mimetype="text/javascript")


def _forbid_caching(response: Response) -> Response:
    """A guard may have checked the user, so no cache may keep an answer that does not allow it."""
    response.headers.setdefault("Cache-Control", "no-store")
    return response
