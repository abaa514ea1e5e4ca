"""Says the hard texts of ``tests/streams``: in each format at ``/texts/NAME``, and as a model.

The name ``all`` is that of all texts as one.
"""

from __future__ import annotations

from flask import Flask, request

from flask_llmstream import CallableProvider, LLMStream
from tests.streams.cases import TEXTS, all_tokens


def said(name):
    """The tokens of a text."""
    return all_tokens() if name == "all" else iter(TEXTS[name].tokens)


def app_saying(said):
    """An application that answers with the tokens of the text of this name.

    :param said: gives them.
    """
    app = Flask("texts")
    app.config.update(LLMSTREAM_MAX_STREAMS=0)

    def model(asked):
        return said(asked.prompt or asked.messages[-1]["content"])

    streams = LLMStream(app, providers={"texts": CallableProvider(model)})

    @app.route("/texts/<name>")
    def text(name):
        return streams.response(said(name), format=request.args["format"])

    return app


app = app_saying(said)
