"""The code of docs/own-view.md runs: a row, a model, the answer and its cost in a table."""

from __future__ import annotations

import threading
from importlib.util import find_spec

import pytest
from flask import Flask
from werkzeug.serving import make_server

from flask_llmstream import CallableProvider, LLMStream, Usage
from tests.conftest import needs
from tests.docs.pages import got, run_page
from tests.support.eventually import eventually

FROM_ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
DATABASE = "db = SQLAlchemy(app)"
OF_OLD = 'app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False'
"""Flask-SQLAlchemy 2.4 warns without it."""


def written(request):
    """The answer of the model: the end of the question, and an address."""
    question = request.prompt or request.messages[-1]["content"]
    yield f"{question[-4:]}: write to ada@exam"
    yield "ple.org\nBye"
    yield Usage(3, 4)


@pytest.fixture(scope="module")
def upstream():
    """The address of a model's server."""
    app = Flask("upstream")
    LLMStream(app, providers={"llama3.2": CallableProvider(written)})
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def names(upstream, tmp_path):
    needs("Flask-SQLAlchemy", find_spec("flask_sqlalchemy"))
    needs("openai", find_spec("openai"))
    here = {
        "/tmp/articles.db": f"{tmp_path}/articles.db",
        "http://127.0.0.1:11434/v1": upstream,
        DATABASE: f"{OF_OLD}\n{DATABASE}",
    }
    names = run_page("own-view.md", here)
    db = names["db"]
    with names["app"].app_context():
        db.create_all()
        db.session.add(names["Article"](id=7, text="Once upon a time"))
        db.session.commit()
    yield names
    with names["app"].app_context():
        db.engine.dispose()


@pytest.mark.parametrize("path", ["summary", "question"])
def test_the_model_is_asked_about_the_row(names, path):
    assert '"message":"time: write' in got(names["app"], f"/articles/7/{path}", method="POST")


def test_a_row_that_is_not_there_is_a_404(names):
    assert names["app"].test_client().post("/articles/8/summary").status_code == 404


def test_the_answer_and_its_cost_are_kept(names):
    got(names["app"], "/articles/7/title", method="POST")
    with names["app"].app_context():
        (kept,) = eventually(names["Answer"].query.all)  # the reader has the end before this
        assert (kept.article, kept.reason) == (7, "complete")
        assert kept.text == "time: write to ada@example.org\nBye"
        assert (kept.prompt_tokens, kept.completion_tokens) == (3, 4)


def test_the_words_of_the_model_are_changed_and_its_counts_stay(names):
    answer = got(names["app"], "/articles/7/review", method="POST")
    assert '"message":"time: write to …\\n"' in answer
    assert "example" not in answer
    assert '"completion_tokens":4' in answer


def test_a_page_of_another_site_is_refused(names):
    client = names["app"].test_client()
    assert client.post("/articles/7/summary", headers=FROM_ELSEWHERE).status_code == 403


def test_the_module_of_the_browser_is_served(names):
    with names["app"].test_client().get("/llmstream.js") as script:
        assert b"export" in script.data
