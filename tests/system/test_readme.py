"""The code of the README runs."""

from __future__ import annotations

import pathlib
import re
from types import SimpleNamespace

import pytest
from flask import Flask

from flask_llmstream import CallableProvider
from tests.support.answers import Answer

README = (pathlib.Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def python_blocks():
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def names():
    """The names that the blocks define."""
    names = {"__name__": "__main__"}
    exec("\n".join(python_blocks()), names)
    return names


def test_the_python_blocks_make_an_application_that_streams(names):
    client = names["app"].test_client()
    assert client.get("/words").data.count(b'message\ndata: {"ended":false') == 3
    assert b'data: {"pages":12}' in client.get("/report").data
    assert client.get("/ticks").data == b": \n\ndata: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert b"tock" in client.get("/clock").data
    names["model"] = CallableProvider(lambda request: [request.prompt])
    assert b"A haiku about the sea." in client.post("/haiku", json={"topic": "the sea"}).data
    visitor = names["club"].test_client()
    assert visitor.get("/v1/models").status_code == 401
    with visitor.get("/llmstream.js") as script:
        assert b"export" in script.data
    names["app"].config["CLOSED"] = True
    refused = client.get("/report")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3600")


def test_the_work_behind_an_emitter_ends_quietly_when_its_reader_has_left(names):
    works = []

    def thread(target):
        return SimpleNamespace(start=lambda: works.append(target))

    names["threading"] = SimpleNamespace(Thread=thread)
    Answer(names["app"], "/progress").close()
    (work,) = works
    work()


def test_every_option_and_key_is_told_with_its_default():
    from flask_llmstream import LLMStream

    app = Flask(__name__)
    LLMStream(app)
    for key, default in app.config.items():
        if key.startswith("LLMSTREAM_"):
            option = key[len("LLMSTREAM_") :].lower()
            assert f"`{key}`" in README or f"`{option}`" in README
            if isinstance(default, int) and not isinstance(default, bool) and default > 9:
                assert re.search(rf"\b{default}\b", README), key
