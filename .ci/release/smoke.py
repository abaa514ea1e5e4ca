"""An installed release on trial: an application, its streams over HTTP, their readers, the command.

Called as ``python -I smoke.py VERSION``: isolated, the package can only be the installed one.
"""

from gevent import monkey

monkey.patch_all()

import importlib.metadata  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402

import requests  # noqa: E402
from flask import Flask  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

import flask_llmstream  # noqa: E402
from flask_llmstream import CallableProvider, EventSource, LLMStream  # noqa: E402

WORDS = ["any ", "generator ", "streams"]

app = Flask(__name__)
streams = LLMStream(app, providers={"words": CallableProvider(lambda request: iter(WORDS))})


@app.route("/words")
@streams.view()
def words():
    yield from WORDS


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-I", "-m", "flask_llmstream", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=True,
    ).stdout


def answer(url, **request):
    with EventSource(url, **request) as source:
        text = "".join(source.text())
    return text, source.ending.reason


def main(version):
    assert flask_llmstream.__version__ == importlib.metadata.version("flask-llmstream") == version
    assert "tail" in command("--help")
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    server.start()
    url = f"http://127.0.0.1:{server.server_port}"
    whole = "".join(WORDS), "complete"
    assert answer(url + "/words") == whole
    assert answer(url + "/v1/chat/completions", json={"prompt": "Hello"}) == whole
    assert "".join(WORDS) in command("tail", url + "/words")
    assert "export class Answer" in requests.get(url + "/v1/llmstream.js").text
    server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
