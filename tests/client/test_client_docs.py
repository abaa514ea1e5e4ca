"""The code of ``docs/client.md`` runs."""

from __future__ import annotations

import threading

import pytest
from flask import Response, request
from werkzeug.serving import make_server

from tests.client.site import WORDS, app_of
from tests.docs.pages import blocks_of

TEXT = "".join(WORDS)


@pytest.fixture
def app():
    app = app_of(LLMSTREAM_RECONNECT="resume")

    @app.route("/prices")
    def prices():
        if "Last-Event-ID" in request.headers:
            return "", 204
        return Response("data: 1.5\nid: 1\n\n", content_type="text/event-stream")

    return app


@pytest.fixture
def run(app):
    """Run code against the site, and return its names."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    names = {"app": app}

    def run(code):
        exec(code.replace("https://example.org", f"http://127.0.0.1:{server.server_port}"), names)
        return names

    yield run
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_blocks_run_one_after_the_other(run, capsys):
    blocks = blocks_of("client.md")
    first, events, feed, errors, rest, closing, session, own_server = blocks
    run(first)
    assert capsys.readouterr().out == TEXT + "complete\n"
    run(events)
    assert f'message {{"ended":false,"message":"{WORDS[0]}"}}' in capsys.readouterr().out
    run(feed)
    assert capsys.readouterr().out == "1.5\n"
    run(errors)
    assert capsys.readouterr().out.startswith("400 invalid_request messages messages: has to be ")
    run(rest)
    assert capsys.readouterr().out == TEXT[len(WORDS[0]) :] + "\n"
    assert run(closing)["text"] == TEXT
    assert run(session)["text"] == TEXT
    run(own_server)
