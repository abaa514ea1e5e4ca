"""What a developer is told before anything runs: by mypy, as strict as it can be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec

import pytest

from tests.conftest import needs
from tests.support import typed_app
from tests.support.programs import ROOT

needs("mypy", find_spec("mypy"))
if version("flask").startswith("1."):
    pytest.skip("Flask has types from 2.0 on", allow_module_level=True)

BEFORE = """
from typing import Iterator
import flask_llmstream
import flask_llmstream.providers
from flask_llmstream import EventStreamMiddleware
from typed_app import app, count, streams
emitter = streams.emitter()
@streams.view()  # with app.route() above it Flask 2.0 would forget the rest
def pages(number: int) -> Iterator[str]:
    yield str(number)
"""
WRONG = [
    "streams.response([], hartbeat=1)",
    "streams.response([], heartbeat='1')",
    "streams.response(5)",
    "streams.view(totl_timeout=1)",
    "streams.view(reconnect='maybe')",
    "streams.view(worker='process')",
    "streams.view(format='mesage')",
    "streams.view(on_finish=lambda summary: summary.reson)",
    "streams.view(pages)",
    "streams.create(count, overflow='bloc')",
    "streams.create(lambda: None)",
    "streams.emitter(bufer=1)",
    "streams.blueprint('more', max_stream=1)",
    "streams.blueprint('more', providers=[])",
    "EventStreamMiddleware(app.wsgi_app, format='text')",
    "EventStreamMiddleware(app.wsgi_app, overflow='drop')",
    "pages('three')",
    "pages(3, 4)",
    "emitter.response().status_cod",
    "emitter.on_completion(lambda: None)",
    "emitter.on_cancel(lambda summary: None)",
    "emitter.on_error(lambda: None)",
    "emitter.on_timeout(lambda: None)",
    "flask_llmstream.LlmStream",
    "flask_llmstream.providers.Openai",
    "flask_llmstream.CallableProvider(lambda request: 5)",
    "flask_llmstream.LLMStream(providers={'count': count})",
]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What mypy says of the application, and of one that uses it wrongly."""
    folder = tmp_path_factory.mktemp("typed")
    shutil.copy(typed_app.__file__, folder)
    (folder / "wrong.py").write_text(BEFORE + "\n".join(WRONG) + "\n")
    options = ["--config-file=", "--strict", "--follow-imports=silent", "--no-error-summary"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "."],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    return [line for line in done.stdout.splitlines() if ": note: " not in line]


def test_an_application_that_uses_all_there_is_passes(told):
    assert [line for line in told if "wrong.py:" not in line] == []


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_told(line, told):
    number = (BEFORE + "\n".join(WRONG)).splitlines().index(line) + 1
    assert [error for error in told if f"wrong.py:{number}: error: " in error]


def test_what_is_right_beside_it_is_not(told):
    lines = range(1, len(BEFORE.splitlines()) + 1)
    assert [e for e in told for number in lines if f"wrong.py:{number}: " in e] == []


@pytest.mark.parametrize(
    "path, expected",
    [
        ("/report/3", b'{"words":3}\n'),
        ("/report/100", b'"code":"too_long"'),
        ("/clock", b"event: time\ndata: tick\nid: 1\nretry: 2000\n\n"),
        ("/words", b'"reason":"complete"'),
        ("/words?away", b"/report/1"),
        ("/pushed", b"event: progress\ndata: half\n\n"),
        ("/created", b'"message":"1"'),
        ("/observed", b"data: 2\n\n"),
    ],
)
def test_the_application_runs(path, expected):
    assert expected in typed_app.app.test_client().get(path).data
