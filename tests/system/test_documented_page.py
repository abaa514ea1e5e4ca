"""The pages of docs/in-the-browser.md in a browser: each shows the whole answer."""

from __future__ import annotations

import threading

import pytest
from flask import Flask, session
from jinja2 import DictLoader
from werkzeug.exceptions import Unauthorized
from werkzeug.serving import make_server

from tests.docs.pages import blocks_of, got, run_page
from tests.support.browsers import chromium

PAGES = blocks_of("in-the-browser.md", "html")[:3]


@pytest.fixture(scope="module")
def app():
    app = run_page("in-the-browser.md")["app"]
    app.jinja_loader = DictLoader({"page.html": PAGES[0]})
    for number, page in enumerate(PAGES):
        app.add_url_rule(f"/{number}", f"page{number}", lambda page=page: page)
    return app


@pytest.fixture
def site(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_page_shows_the_answer_and_its_end(site):
    with chromium() as browser:  # closed here: it keeps a connection in reserve
        browser.open(f"{site}/")
        browser.shows("#state", "complete")
        assert browser.text("#answer") == "012"
        for page, element in ((1, "#story"), (2, "#words")):
            browser.open(f"{site}/{page}")
            browser.shows(element, "012 (complete)")


def test_html_comes_as_it_is_and_what_is_text_in_it_is_escaped(app):
    answer = got(app, "/html")
    assert "data: <b>&amp; </b>\n" in answer
    assert "event: ended\n" in answer


def test_who_is_no_member_is_refused():
    members_only = run_page("in-the-browser.md")["members_only"]
    app = Flask(__name__)
    app.secret_key = "of this test"
    with app.test_request_context():
        with pytest.raises(Unauthorized):
            members_only()
        session["member"] = "ada"
        assert members_only() is None
