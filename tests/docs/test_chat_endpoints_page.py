"""The code of docs/chat-endpoints.md runs: a mount for each tenant, a guard, the browser client."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import run_page, text_of

PAGE = "chat-endpoints.md"


@pytest.fixture(scope="module")
def names():
    return run_page(PAGE)


def test_its_table_has_the_routes_of_the_application(names):
    rules = [rule.rule for rule in names["app"].url_map.iter_rules()]
    routes = {without_names(rule) for rule in rules if rule.startswith("/v1/")}
    shown = {without_names(path) for path in re.findall(r"`[A-Z]+ (/v1[^`?]*)", text_of(PAGE))}
    assert shown - routes == {"/v1/docs"}  # it is there if it is asked for
    assert [route for route in routes if not route.startswith(tuple(shown))] == []


def without_names(path):
    return re.sub(r"<.*?>", "<>", path)


def test_a_model_knows_the_tenant_of_its_mount(names):
    client = names["app"].test_client()
    answer = client.post("/ada/llm/chat/completions", json={"prompt": "Hello"})
    assert b"Hello from ada." in answer.data


def test_who_is_no_member_is_refused(names):
    visitor = names["club"].test_client()
    assert visitor.get("/v1/models").status_code == 401
    with visitor.session_transaction() as session:
        session["member"] = "ada"
    assert visitor.get("/v1/models").status_code == 200


def test_the_browser_client_is_served_before_a_login(names):
    with names["club"].test_client().get("/llmstream.js") as script:
        assert b"export" in script.data
