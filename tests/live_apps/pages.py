"""Chat endpoints, and pages of other origins: ``python -m tests.live_apps.pages PORT``.

There is an empty page under every host name. The requests that it sends are noted.
"""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
from collections import defaultdict  # noqa: E402
from urllib.parse import parse_qs  # noqa: E402

from flask import Flask, jsonify  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from flask_llmstream import CallableProvider, LLMStream, ProviderError  # noqa: E402

port = int(sys.argv[1])
FRIENDS = [f"http://localhost:{port}", f"http://friend.test:{port}"]

runs = []
asked = defaultdict(list)


def model(request):
    runs.append(request.prompt)
    if request.prompt == "fail":
        raise ProviderError("Not now.", status=503, retry_after=7)
    return "dear"


app = Flask(__name__)
streams = LLMStream(app, providers={"model": CallableProvider(model)})
app.register_blueprint(streams.blueprint("open", allowed_origins=FRIENDS), url_prefix="/open")
app.register_blueprint(streams.blueprint("any", allowed_origins=["*"]), url_prefix="/any")


@app.route("/")
def page():
    return "<!doctype html><title>A page</title><link rel=icon href=data:,>"


@app.route("/told")
def told():
    return jsonify(runs=runs, asked=asked)


@app.route("/forget", methods=["POST"])
def forget():
    runs.clear()
    asked.clear()
    return "", 204


def noted(wsgi_app):
    """Note the method and the status of each request that has a ``name`` in its query."""

    def call(environ, start_response):
        name = parse_qs(environ["QUERY_STRING"]).get("name", [""])[0]

        def start(status, headers, *exc_info):
            asked[name].append([environ["REQUEST_METHOD"], int(status[:3])])
            return start_response(status, headers, *exc_info)

        return wsgi_app(unnamed(environ), start)

    return call


def unnamed(environ):
    query = environ["QUERY_STRING"].partition("&name=")[0]
    return dict(environ, QUERY_STRING=query)


if __name__ == "__main__":
    WSGIServer(("127.0.0.1", port), noted(app), log=None).serve_forever()
