"""flask_llmstream's chat endpoint on gevent.pywsgi, before a model's server with OpenAI's API."""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402

import tokens  # noqa: E402
from flask import Flask  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from flask_llmstream import LLMStream, OpenAICompatible  # noqa: E402

app = Flask(__name__)
app.config["LLMSTREAM_MAX_STREAMS"] = 0
streams = LLMStream(app)
authority = os.environ.get("UPSTREAM_CA")
model = OpenAICompatible(os.environ["UPSTREAM"], "sk-none", ca_bundle=authority)
app.register_blueprint(streams.blueprint("chat", providers={"relay": model}), url_prefix="/v1")

address = ("127.0.0.1", int(sys.argv[1]))
WSGIServer(address, app, backlog=tokens.BACKLOG, log=None).serve_forever()
