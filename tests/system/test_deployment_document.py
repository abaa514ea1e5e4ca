"""docs/deployment.md: gunicorn runs with its files, and the doctor finds no error in them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from importlib.util import find_spec

import pytest
from flask import Flask
from werkzeug.serving import make_server

from flask_llmstream import CallableProvider, EventSource, LLMStream
from tests.conftest import needs
from tests.docs.pages import blocks_of
from tests.support.programs import ROOT
from tests.support.redis_servers import redis_server
from tests.support.servers import serving

needs("gunicorn", find_spec("gunicorn"))

ANSWER = "The sea is never still."


@pytest.fixture(scope="module")
def model():
    """The address of a model's server."""
    app = Flask("upstream")
    LLMStream(app, providers={"llama3.2": CallableProvider(lambda request: ANSWER)})
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The two files of the page."""
    folder = tmp_path_factory.mktemp("deployment")
    for block in blocks_of("deployment.md"):
        name = block.partition("\n")[0].replace("# ", "")
        (folder / name).write_text(block, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def environment(model, folder):
    with redis_server() as redis:
        yield {
            "SECRET_KEY": "of this test",
            "LLM_URL": model,
            "REDIS_URL": redis.url,
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        }


def test_an_answer_is_read_and_read_again(folder, environment):
    gunicorn = f"gunicorn --config {folder}/gunicorn.conf.py --bind 127.0.0.1:{{port}} app:app"
    with serving(gunicorn, **environment) as live:
        site = f"http://127.0.0.1:{live.port}/v1/chat"
        with EventSource(f"{site}/completions", json={"prompt": "The sea?"}) as source:
            assert "".join(source.text()) == ANSWER
        with EventSource(f"{site}/streams/{source.stream_id}") as again:
            assert "".join(again.text()) == ANSWER


def test_the_doctor_finds_no_error(folder, environment):
    variables = {**os.environ, **environment, "FLASK_APP": "app:app"}
    command = [sys.executable, "-m", "flask", "llmstream", "doctor"]
    done = subprocess.run(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, universal_newlines=True
    )
    assert done.returncode == 0, done.stdout
