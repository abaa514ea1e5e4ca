"""The page of the sample application, with a model that writes when the test says so."""

from __future__ import annotations

import pytest

from tests.support.chat_page import ChatPage
from tests.support.gated_model import GatedModel
from tests.support.servers import serving


@pytest.fixture(scope="module")
def model():
    model = GatedModel()
    with model.upstream:
        yield model


@pytest.fixture(scope="module")
def site(model):
    environment = {"LLM_BASE_URL": model.upstream.url, "LLM_MODEL": "gated"}
    command = "-m flask run --port {port}"
    with serving(command, FLASK_APP="tests.live_apps.sample", **environment) as site:
        yield site


@pytest.fixture
def page(browser, site, model):
    """The page, opened. A message in the console (an error, a refused style) fails the test."""
    model.upstream.hung_up.clear()
    page = ChatPage(browser, site.port)
    page.open_anew()
    browser.console()
    yield page
    assert browser.console() == []
