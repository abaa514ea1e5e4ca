"""The examples of ``docs/cross-site.md`` run, also the one with Flask-WTF's CSRF tokens."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from tests.conftest import needs
from tests.live_apps.documented import DOCS, application

FRIEND = {"Origin": "https://www.example.org", "Sec-Fetch-Site": "cross-site"}
STRANGER = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
COMPLETIONS = "/v1/chat/completions"
QUESTION = {"prompt": "Hello"}


def ask(client, path=COMPLETIONS, **headers):
    answer = client.post(path, json=QUESTION, headers=headers)
    answer.get_data()
    return answer


def test_the_sites_that_it_allows_may_ask_and_no_others():
    client = application(1).test_client()
    assert ask(client, **FRIEND).status_code == 200
    assert ask(client, **STRANGER).status_code == 403


def test_its_view_refuses_other_sites():
    client = application(2).test_client()
    assert b"to be continued" in ask(client, "/summary", **FRIEND).data
    assert ask(client, "/summary", **STRANGER).status_code == 403


def test_it_says_what_each_kind_of_page_says_of_itself():
    for word in ("same-origin", "cross-site", "same-site", "none"):
        assert f"`Sec-Fetch-Site: {word}`" in DOCS


class TestTokens:
    """Flask-WTF's ``CSRFProtect`` around the chat endpoints."""

    @pytest.fixture(autouse=True)
    def flask_wtf(self):
        needs("Flask-WTF", find_spec("flask_wtf"))

    @pytest.fixture
    def client(self):
        return application(3).test_client()

    def token(self, client):
        """The token in the page."""
        page = client.get("/").get_data(as_text=True)
        return re.search('name="csrf-token" content="([^"]+)"', page).group(1)

    def test_a_post_without_one_is_refused(self, client):
        self.token(client)
        assert ask(client).status_code == 400

    def test_one_of_the_page_s_lets_it_ask(self, client):
        answer = ask(client, **{"X-CSRFToken": self.token(client)})
        assert answer.status_code == 200
        assert b"There was a model." in answer.data

    def test_one_of_another_session_s_does_not(self, client):
        stolen = self.token(application(3).test_client())
        assert ask(client, **{"X-CSRFToken": stolen}).status_code == 400

    def test_a_get_needs_none(self, client):
        assert client.get("/v1/chat/stream?prompt=Hello").status_code == 200

    def test_an_allowed_site_s_preflight_needs_none(self, client):
        asks = {"Access-Control-Request-Method": "POST", **FRIEND}
        answer = client.options(COMPLETIONS, headers=asks)
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND["Origin"]

    def test_programs_can_do_without(self):
        client = application(4).test_client()
        assert ask(client).status_code == 200
        assert ask(client, **STRANGER).status_code == 403
