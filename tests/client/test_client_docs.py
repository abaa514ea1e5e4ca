"""The code of ``docs/client.md`` and of the README's part on the client runs."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tests.client.site import WORDS, app_of

ROOT = Path(__file__).parents[2]
TEXT = "".join(WORDS)


def blocks_of(name):
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)


@pytest.fixture
def app():
    return app_of(LLMSTREAM_RECONNECT="resume")


@pytest.fixture
def run(app, monkeypatch):
    """Run code against the site, and return its names. Timers do not begin."""
    monkeypatch.setattr(threading.Timer, "start", lambda timer: None)
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
    first, events, errors, rest, closing, session, own_server = blocks_of("docs/client.md")
    run(first)
    assert capsys.readouterr().out == TEXT + "complete\n"
    run(events)
    assert f'message {{"ended":false,"message":"{WORDS[0]}"}}' in capsys.readouterr().out
    run(errors)
    assert capsys.readouterr().out.startswith("400 invalid_request messages messages: has to be ")
    run(rest)
    assert capsys.readouterr().out == TEXT[len(WORDS[0]) :] + "\n"
    assert run(closing)["text"] == TEXT
    assert run(session)["text"] == TEXT
    run(own_server)


def test_the_readme_asks(run):
    (block,) = [block for block in blocks_of("README.md") if "EventSource" in block]
    url = "https://example.org/v1/chat/completions"
    assert run(f"{block}\nanswer = ask('{url}', 'Hi')")["answer"] == (TEXT, "complete")
